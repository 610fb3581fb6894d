// The window's side of the contract: the only place that touches window.api.

import type { Channel, Events, RequestOf, ResponseOf, Result, ShownError } from '../../preload/contract'

/** What a request was refused with. */
export class RequestError extends Error {
  constructor(readonly record: ShownError) {
    super(record.message)
    this.name = 'RequestError'
  }
}

/** The payload may be left out where the request carries nothing. */
type Payload<C extends Channel> = RequestOf<C> extends void ? [] : [RequestOf<C>]

export async function call<C extends Channel>(channel: C, ...payload: Payload<C>): Promise<ResponseOf<C>> {
  const method = window.api[channel] as (request: unknown) => Promise<Result<ResponseOf<C>>>
  const result = await method(payload[0])
  if (result.ok) return result.value
  throw new RequestError(result.error)
}

export function onEvent<E extends keyof Events>(name: E, listener: (payload: Events[E]) => void): () => void {
  return window.api.on(name, listener)
}

export function toRecord(error: unknown): ShownError {
  if (error instanceof RequestError) return error.record
  return { code: 'internal', message: error instanceof Error ? error.message : String(error) }
}

/** Where a file or folder dropped on the window lies; '' for one that is on no disk. */
export function pathOfFile(file: File): string {
  return window.api.pathOfFile(file)
}
