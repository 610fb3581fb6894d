// Owns the engine process: fork on demand, requests and answers, ports to windows, what happens when it dies.
// A native crash ends that process only; what was waiting on it gets an AppError, and the next request forks anew.

import { EventEmitter } from 'node:events'

import { type MessagePortMain, utilityProcess, type UtilityProcess } from 'electron'

import { AppError, type ErrorRecord } from '../net/errors'
import { cancelled } from './jobs/job'
import type {
  EngineFolders,
  EngineMethod,
  EngineParams,
  EngineProgress,
  EngineRequest,
  EngineResponse,
  FromEngine,
  RunEventMessage,
  ToEngine,
} from './protocol'

interface Pending {
  resolve(value: unknown): void
  reject(error: Error): void
  onProgress?: (progress: never) => void
}

interface EngineProcessEvents {
  'run-events': [message: RunEventMessage]
  /** After the process is there: windows need ports to it. */
  started: []
  /** `crashed` is false where it was asked to end. */
  ended: [crashed: boolean]
}

export interface EngineProcessOptions {
  /** The bundle of main/engine/host.ts. */
  modulePath: string
  folders: EngineFolders
  onOutput?: (text: string) => void
}

export class EngineProcess extends EventEmitter<EngineProcessEvents> {
  private child: UtilityProcess | null = null
  private readonly pending = new Map<number, Pending>()
  private nextNumber = 1
  private ending = false

  constructor(private readonly options: EngineProcessOptions) {
    super()
  }

  get pid(): number | undefined {
    return this.child?.pid
  }

  /** `signal` cancels the work; then the promise rejects with the AppError 'cancelled' as soon as the work has ended,
   *  unless it was done already. */
  request<M extends EngineMethod>(
    method: M,
    params: EngineParams<M>,
    onProgress?: (progress: EngineProgress<M>) => void,
    signal?: AbortSignal,
  ): Promise<EngineResponse<M>> {
    if (signal?.aborted) return Promise.reject(cancelled())
    const number = this.nextNumber++
    const child = this.start()
    const cancel = () => child.postMessage({ kind: 'cancel', number } satisfies ToEngine)
    const answer = new Promise<EngineResponse<M>>((resolve, reject) => {
      this.pending.set(number, { resolve: resolve as Pending['resolve'], reject, onProgress })
      const message = { kind: 'request', number, method, params } as EngineRequest
      child.postMessage(message satisfies ToEngine)
      signal?.addEventListener('abort', cancel, { once: true })
    })
    return answer.finally(() => signal?.removeEventListener('abort', cancel))
  }

  /** Run events go to the other end of this port from now on. Nothing to attach to where no process is there. */
  attach(port: MessagePortMain): void {
    this.child?.postMessage({ kind: 'attach' } satisfies ToEngine, [port])
  }

  /** Ends the process; a running run gets `graceMs` to write its checkpoint. */
  async shutDown(graceMs: number): Promise<void> {
    const { child } = this
    if (child === null) return
    this.ending = true
    const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
    const timeout = new Promise<void>((resolve) => setTimeout(resolve, graceMs))
    await Promise.race([this.request('shutDown', undefined).catch(() => undefined), timeout])
    child.kill()
    await Promise.race([ended, timeout])
  }

  private start(): UtilityProcess {
    if (this.child !== null) return this.child
    const { modulePath, folders, onOutput } = this.options
    const child = utilityProcess.fork(modulePath, [JSON.stringify(folders)], {
      serviceName: 'OLMP engine',
      stdio: 'pipe',
      // Threads of OpenMP that spin while they wait starve the rest of the machine.
      env: { ...process.env, OMP_WAIT_POLICY: 'passive' },
    })
    this.child = child
    child.on('message', (message: FromEngine) => this.receive(message))
    child.on('exit', (code) => this.ended(child, code))
    for (const stream of [child.stdout, child.stderr])
      stream?.on('data', (chunk) => onOutput?.(String(chunk)))
    this.emit('started')
    return child
  }

  private receive(message: FromEngine): void {
    if (message.kind === 'run-events') {
      this.emit('run-events', message)
      return
    }
    const waiting = this.pending.get(message.number)
    if (waiting === undefined) return
    if (message.kind === 'progress') {
      waiting.onProgress?.(message.progress as never)
      return
    }
    this.pending.delete(message.number)
    if (message.ok) waiting.resolve(message.value)
    else waiting.reject(fromRecord(message.error))
  }

  private ended(child: UtilityProcess, code: number): void {
    if (this.child !== child) return
    this.child = null
    const crashed = !this.ending
    this.ending = false
    const error = crashed
      ? new AppError('engine-crashed', `The engine process ended unexpectedly (exit code ${code}).`, {
          hint: 'Resume the run: it continues from its last checkpoint.',
        })
      : new AppError('engine-ended', 'The engine process was ended.')
    const waiting = [...this.pending.values()]
    this.pending.clear()
    for (const { reject } of waiting) reject(error)
    this.emit('ended', crashed)
  }
}

export function fromRecord(record: ErrorRecord): AppError {
  const { code, message, ...place } = record
  return new AppError(code, message, place)
}
