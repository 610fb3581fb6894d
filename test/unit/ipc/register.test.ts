import type { IpcMainInvokeEvent } from 'electron'
import { beforeEach, describe, expect, it, vi } from 'vitest'

import { type Handlers, registerHandlers } from '../../../main/ipc/register'
import { AppError } from '../../../main/net/errors'
import { channels, type Result } from '../../../preload/contract'

type Listener = (event: IpcMainInvokeEvent, request: unknown) => Promise<Result<unknown>>

const ownFrame = { url: 'app://studio/index.html', parent: null }

describe('registerHandlers', () => {
  const listeners = new Map<string, Listener>()
  const open = vi.fn()
  const onDefect = vi.fn()

  beforeEach(() => {
    listeners.clear()
    open.mockReset()
    onDefect.mockReset()
    const unused = () => Promise.reject(new Error('not called in this test'))
    const handlers = {
      ...Object.fromEntries(channels.map((channel) => [channel, unused])),
      'projects:open': open,
    } as unknown as Handlers
    registerHandlers({
      ipc: { handle: (channel, listener) => void listeners.set(channel, listener as Listener) },
      isOwnPage: (url) => url.startsWith('app://studio/'),
      handlers,
      onDefect,
    })
  })

  function send(request: unknown, senderFrame: unknown = ownFrame): Promise<Result<unknown>> {
    const listener = listeners.get('projects:open')
    if (listener === undefined) throw new Error('projects:open has no listener')
    return listener({ senderFrame } as IpcMainInvokeEvent, request)
  }

  it('answers every channel of the contract', () => {
    expect([...listeners.keys()].sort()).toEqual([...channels].sort())
  })

  it('hands the parsed request on and the answer back', async () => {
    open.mockResolvedValue({ project: 'p' })
    expect(await send({ projectId: 'a' })).toEqual({ ok: true, value: { project: 'p' } })
    expect(open).toHaveBeenCalledWith({ projectId: 'a' })
  })

  it.each([
    ['another page', { url: 'https://example.org/', parent: null }],
    ['a frame within the page', { url: 'app://studio/index.html', parent: ownFrame }],
    ['a frame that is gone', null],
  ])('refuses %s', async (_name, frame) => {
    const result = await send({ projectId: 'a' }, frame)
    expect(result).toMatchObject({ ok: false, error: { code: 'foreign-sender' } })
    expect(open).not.toHaveBeenCalled()
  })

  it('refuses a request of the wrong form before the handler sees it', async () => {
    expect(await send({ projectId: '../x' })).toMatchObject({ ok: false, error: { code: 'invalid-request' } })
    expect(open).not.toHaveBeenCalled()
  })

  it('carries the place and the remedy of an AppError, and is quiet about it', async () => {
    open.mockRejectedValue(
      new AppError('unknown-project', 'No.', { file: '/p.json', line: 3, column: 4, hint: 'Do.' }),
    )
    expect(await send({ projectId: 'a' })).toEqual({
      ok: false,
      error: { code: 'unknown-project', message: 'No.', file: '/p.json', line: 3, column: 4, hint: 'Do.' },
    })
    expect(onDefect).not.toHaveBeenCalled()
  })

  it('reports any other exception as a defect', async () => {
    const defect = new TypeError('x is undefined')
    open.mockRejectedValue(defect)
    expect(await send({ projectId: 'a' })).toMatchObject({ ok: false, error: { code: 'internal' } })
    expect(onDefect).toHaveBeenCalledWith('projects:open', defect)
  })
})
