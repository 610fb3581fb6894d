// The engine process's end of its requests: a job for each, its progress and its answer sent back, cancelled when asked.

import { toErrorRecord } from '../net/errors'
import type { EngineServices } from './EngineServices'
import { cancelled, type JobControl, type JobsOf } from './jobs/job'
import type { EngineAnswer, EngineMethod, EngineRequest } from './protocol'

type AnyJob = (engine: EngineServices, params: unknown, control: JobControl<never>) => Promise<unknown>

export interface RequestDeskOptions {
  jobs: JobsOf<EngineMethod>
  engine: EngineServices
  send(message: EngineAnswer): void
  /** What is not an AppError is a defect. */
  onDefect(error: Error): void
}

export class RequestDesk {
  private readonly working = new Map<number, AbortController>()

  constructor(private readonly options: RequestDeskOptions) {}

  async take({ number, method, params }: EngineRequest): Promise<void> {
    const { jobs, engine, send } = this.options
    const stopper = new AbortController()
    this.working.set(number, stopper)
    const control: JobControl<never> = {
      onProgress: (progress) => send({ kind: 'progress', number, progress }),
      signal: stopper.signal,
    }
    try {
      const value = await (jobs[method] as AnyJob)(engine, params, control)
      send({ kind: 'answer', number, ok: true, value })
    } catch (error) {
      send({ kind: 'answer', number, ok: false, error: this.record(error, stopper.signal) })
    } finally {
      this.working.delete(number)
    }
  }

  /** A request that is answered already stays so. */
  cancel(number: number): void {
    this.working.get(number)?.abort()
  }

  /** Work that was told to end may do so by any error. */
  private record(error: unknown, { aborted }: AbortSignal) {
    if (aborted) return cancelled().toRecord()
    const record = toErrorRecord(error)
    if (record.code === 'internal' && error instanceof Error) this.options.onDefect(error)
    return record
  }
}
