// One way in for every request: the sender is checked, the request is parsed, the handler's answer becomes a Result.

import type { IpcMain, IpcMainInvokeEvent } from 'electron'

import { AppError, type ErrorRecord, toErrorRecord } from '../net/errors'
import {
  type Channel,
  channels,
  type RequestOf,
  requestSchemas,
  type ResponseOf,
  type Result,
  type ShownError,
} from '../../preload/contract'
import type { Schema } from '../../preload/schema'
import { readExcerpt } from './excerpt'

export type Handlers = { [C in Channel]: (request: RequestOf<C>) => Promise<ResponseOf<C>> }

export interface RegisterOptions {
  ipc: Pick<IpcMain, 'handle'>
  /** True for a frame that shows this app's own page. */
  isOwnPage(url: string): boolean
  handlers: Handlers
  onDefect(channel: Channel, error: unknown): void
}

export function registerHandlers(options: RegisterOptions): void {
  for (const channel of channels) {
    options.ipc.handle(channel, (event, request: unknown) => answer(channel, event, request, options))
  }
}

async function answer<C extends Channel>(
  channel: C,
  event: IpcMainInvokeEvent,
  request: unknown,
  { isOwnPage, handlers, onDefect }: RegisterOptions,
): Promise<Result<ResponseOf<C>>> {
  try {
    requireOwnFrame(event, isOwnPage)
    const schema = requestSchemas[channel] as Schema<RequestOf<C>>
    return { ok: true, value: await handlers[channel](schema(request, 'request')) }
  } catch (error) {
    if (!(error instanceof AppError)) onDefect(channel, error)
    return { ok: false, error: await shown(toErrorRecord(error)) }
  }
}

async function shown(error: ErrorRecord): Promise<ShownError> {
  if (error.file === undefined || error.line === undefined) return error
  const excerpt = await readExcerpt(error.file, error.line)
  return excerpt === null ? error : { ...error, excerpt }
}

/** Only the window's top frame on the app's own page may ask. */
function requireOwnFrame(event: IpcMainInvokeEvent, isOwnPage: (url: string) => boolean): void {
  const frame = event.senderFrame
  if (frame !== null && frame.parent === null && isOwnPage(frame.url)) return
  throw new AppError('foreign-sender', 'The request did not come from the app’s own page.')
}
