// Requests from main to the engine process and back, over a process that is not one: messages are cloned as between
// processes.

import { EventEmitter } from 'node:events'

import { beforeEach, describe, expect, it, vi } from 'vitest'

import { EngineProcess } from '../../../main/engine/EngineProcess'
import { EngineServices } from '../../../main/engine/EngineServices'
import { jobs } from '../../../main/engine/jobs'
import { throwIfCancelled } from '../../../main/engine/jobs/job'
import type { ToEngine } from '../../../main/engine/protocol'
import { RequestDesk } from '../../../main/engine/RequestDesk'
import { AppError } from '../../../main/net/errors'

const { fork } = vi.hoisted(() => ({ fork: vi.fn() }))
vi.mock('electron', () => ({ utilityProcess: { fork } }))

const folders = { cache: '/cache', resources: '/resources', data: '/data' }
const defects: Error[] = []

class Child extends EventEmitter {
  readonly pid = 1
  readonly stdout = null
  readonly stderr = null

  constructor(private readonly take: (message: ToEngine) => void) {
    super()
  }

  postMessage(message: ToEngine): void {
    const copy = structuredClone(message)
    setImmediate(() => this.take(copy))
  }

  answer(message: unknown): void {
    const copy = structuredClone(message)
    setImmediate(() => this.emit('message', copy))
  }

  kill(): void {
    this.emit('exit', 0)
  }
}

/** A process whose 'ensureSample' does `work`. */
function engineThat(work: (typeof jobs)['ensureSample']): { engine: EngineProcess; child: () => Child } {
  let child: Child
  fork.mockImplementation(() => {
    const desk = new RequestDesk({
      jobs: { ...jobs, ensureSample: work },
      engine: new EngineServices(folders, { add: () => undefined, flush: () => undefined }),
      send: (message) => child.answer(message),
      onDefect: (error) => defects.push(error),
    })
    child = new Child((message) => {
      if (message.kind === 'cancel') desk.cancel(message.number)
      else if (message.kind === 'request') void desk.take(message)
    })
    return child
  })
  return { engine: new EngineProcess({ modulePath: 'engine.js', folders }), child: () => child }
}

const sample = { sample: 'lenet' }

beforeEach(() => {
  defects.length = 0
  fork.mockReset()
})

describe('requests to the engine process', () => {
  it('are answered with what the job gives, after its progress', async () => {
    const { engine } = engineThat(async (_engine, { sample }, { onProgress }) => {
      onProgress('halfway')
      return `/samples/${sample}`
    })
    const told: string[] = []
    const answer = await engine.request('ensureSample', sample, (text) => told.push(text))
    expect(answer).toBe('/samples/lenet')
    expect(told).toEqual(['halfway'])
  })

  it('reject with the error of the job, its place and remedy', async () => {
    const { engine } = engineThat(async () => {
      throw new AppError('no-net', 'there is no net', { file: '/net.prototxt', line: 3, hint: 'add it' })
    })
    await expect(engine.request('ensureSample', sample)).rejects.toMatchObject({
      code: 'no-net',
      file: '/net.prototxt',
      line: 3,
      hint: 'add it',
    })
    expect(defects).toEqual([])
  })

  it('report what is no AppError as a defect', async () => {
    const { engine } = engineThat(() => Promise.reject(new TypeError('x is undefined')))
    await expect(engine.request('ensureSample', sample)).rejects.toMatchObject({ code: 'internal' })
    expect(defects.map(({ message }) => message)).toEqual(['x is undefined'])
  })

  it('reach the job when they are cancelled, and reject when it has ended', async () => {
    let ended = false
    const { engine } = engineThat(async (_engine, _params, { onProgress, signal }) => {
      onProgress('at work')
      while (!signal.aborted) await new Promise((resolve) => setTimeout(resolve, 5))
      ended = true
      throwIfCancelled(signal)
      return 'never'
    })
    const stopper = new AbortController()
    const answer = engine.request('ensureSample', sample, () => stopper.abort(), stopper.signal)
    await expect(answer).rejects.toMatchObject({ code: 'cancelled' })
    expect(ended).toBe(true)
  })

  it('are cancelled by any error of a job that was told to end', async () => {
    const { engine } = engineThat(async (_engine, _params, { onProgress, signal }) => {
      onProgress('at work')
      await new Promise((resolve) => signal.addEventListener('abort', resolve))
      throw new Error('session closed')
    })
    const stopper = new AbortController()
    const answer = engine.request('ensureSample', sample, () => stopper.abort(), stopper.signal)
    await expect(answer).rejects.toMatchObject({ code: 'cancelled' })
    expect(defects).toEqual([])
  })

  it('cancel nothing but themselves, and nothing once they are answered', async () => {
    const signals: AbortSignal[] = []
    const { engine } = engineThat(async (_engine, _params, { signal }) => {
      signals.push(signal)
      await new Promise((resolve) => setTimeout(resolve, 20))
      throwIfCancelled(signal)
      return 'done'
    })
    const first = new AbortController()
    const second = new AbortController()
    const answers = Promise.allSettled([
      engine.request('ensureSample', sample, undefined, first.signal),
      engine.request('ensureSample', sample, undefined, second.signal),
    ])
    second.abort()
    expect((await answers).map(({ status }) => status)).toEqual(['fulfilled', 'rejected'])
    first.abort()
    await new Promise((resolve) => setTimeout(resolve, 20))
    expect(signals.map(({ aborted }) => aborted)).toEqual([false, true])
  })

  it('are not begun where they were cancelled before', async () => {
    const { engine } = engineThat(async () => 'done')
    const answer = engine.request('ensureSample', sample, undefined, AbortSignal.abort())
    await expect(answer).rejects.toMatchObject({ code: 'cancelled' })
    expect(fork).not.toHaveBeenCalled()
  })

  it('reject when the process ends, and the next one forks anew', async () => {
    const { engine, child } = engineThat(() => new Promise(() => undefined))
    const answer = engine.request('ensureSample', sample)
    child().emit('exit', 139)
    await expect(answer).rejects.toMatchObject({ code: 'engine-crashed' })
    void engine.request('ensureSample', sample)
    expect(fork).toHaveBeenCalledTimes(2)
  })
})
