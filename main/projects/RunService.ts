// The runs of this app: begun, queued, paused, stopped, resumed and extended, one at a time in the engine process.

import { EventEmitter } from 'node:events'
import { availableParallelism } from 'node:os'
import { randomBytes } from 'node:crypto'

import type { EngineStatus, QueueList, RunList, StartRequest } from '../../preload/contract'
import type { EngineProcess } from '../engine/EngineProcess'
import type { RunEventMessage } from '../engine/protocol'
import { AppError, type ErrorRecord, toErrorRecord } from '../net/errors'
import { checkpointInterval, parseRunSettings } from '../olmp/runSettings'
import { annotate, type Annotation } from '../runs/annotation'
import { extendRun } from '../runs/extendRun'
import { moveRun } from '../runs/moveRun'
import { RunFolder } from '../runs/RunFolder'
import { RunLock } from '../runs/RunLock'
import type { RunRequest } from '../runs/types'
import type { AppSettings } from '../settings/types'
import type { ProjectStore } from './ProjectStore'
import { isRunning, type RunAddress } from './runAddress'
import { RunLibrary } from './RunLibrary'
import { RunQueue } from './RunQueue'
import type { ModelReport, RunReach, RunSummary } from './types'

export interface RunServiceOptions {
  engine: EngineProcess
  store: ProjectStore
  events: {
    send(name: 'engine:status', status: EngineStatus): void
    send(name: 'runs:changed', summary: RunSummary): void
    send(name: 'projects:changed' | 'queue:changed', payload: undefined): void
  }
  trash: { put(folder: string): Promise<string> }
  /** What a request leaves open follows these. */
  settings: () => AppSettings
  /** Keeps the order of the queue. */
  queueFile: string
}

/** What the engine does, for those who keep the machine awake or show it on the taskbar. */
export type RunActivity =
  { busy: false; address: null; reach: null } | { busy: true; address: RunAddress; reach: RunReach | null }

interface RunServiceEvents {
  /** When a run begins or ends, and every `progressMs` while one is on. */
  activity: [activity: RunActivity]
}

/** So often a running run's progress is told. */
const progressMs = 2000

export class RunService extends EventEmitter<RunServiceEvents> {
  readonly library: RunLibrary
  private readonly queue: RunQueue
  private status: EngineStatus = { state: 'idle' }
  private progressTimer: NodeJS.Timeout | null = null
  private closing = false

  constructor(private readonly options: RunServiceOptions) {
    super()
    this.queue = new RunQueue(options.queueFile)
    this.library = new RunLibrary({
      store: options.store,
      stateHere: (address) => {
        if (isRunning(this.status, address)) return 'running'
        return this.queue.has(address) ? 'queued' : null
      },
    })
    const { engine } = options
    engine.on('run-events', (message) => void this.follow(message))
    engine.on('ended', (crashed) => this.setStatus({ state: crashed ? 'crashed' : 'idle' }))
  }

  get engineStatus(): EngineStatus {
    return this.status
  }

  list(projectId?: string): Promise<RunList> {
    return this.library.list(projectId)
  }

  async start(projectId: string, wish: StartRequest): Promise<RunSummary> {
    const { store } = this.options
    const { report } = await store.open(projectId)
    if (report.suggested === null) {
      throw new AppError(
        'not-compressible',
        report.obstacle ?? 'This model cannot be compressed as it stands.',
        { file: report.source.folder },
      )
    }
    const prunable = report.layers.filter((layer) => layer.prunable).map(({ name }) => name)
    const settings = parseRunSettings(wish.settings, prunable)
    const request = this.complete({ ...wish, settings }, report)
    const run = await RunFolder.create(store.runFolderOf(projectId, newRunId()), request)
    const { name, notes, tags } = wish
    if ([name, notes, tags].some((given) => given !== undefined)) {
      await annotate(run.path, { name, notes, tags })
    }
    return this.place({ projectId, runId: run.record.id })
  }

  async resume(address: RunAddress): Promise<RunSummary> {
    const run = await this.library.open(address)
    await this.requireFree(address, run)
    if (run.record.state === 'finished') {
      throw new AppError('run-finished', 'The run is finished.', {
        file: run.path,
        hint: 'Let it go on for more iterations, or start a new one.',
      })
    }
    return this.place(address)
  }

  async move(address: RunAddress, device: RunRequest['device']): Promise<void> {
    const run = await this.library.open(address)
    await this.requireFree(address, run)
    await moveRun(run.path, device)
    this.options.events.send('runs:changed', await this.library.summary(address))
  }

  /** See extendRun for what is promised of the result. */
  async extend(address: RunAddress, iterations: number): Promise<RunSummary> {
    const run = await this.library.open(address)
    await this.requireFree(address, run)
    await extendRun(run.path, iterations)
    return this.place(address)
  }

  /** Ends a running run after a checkpoint; one that waits leaves the queue. */
  async stop(address: RunAddress, state: 'paused' | 'stopped'): Promise<void> {
    if (isRunning(this.status, address)) await this.options.engine.request('stopRun', { state })
    else if (this.queue.has(address)) await this.leaveQueue(address, state)
    else throw new AppError('run-not-running', 'The run is not running here.')
  }

  async annotate(address: RunAddress, change: Partial<Annotation>): Promise<RunSummary> {
    const summary = await this.library.annotate(address, change)
    this.options.events.send('runs:changed', summary)
    return summary
  }

  async delete(address: RunAddress): Promise<{ undo: string }> {
    const run = await this.library.open(address)
    await this.requireFree(address, run)
    await this.queue.remove(address)
    const undo = await this.options.trash.put(run.path)
    this.tellQueue()
    this.options.events.send('projects:changed', undefined)
    return { undo }
  }

  async listQueue(): Promise<QueueList> {
    const { status } = this
    const running = status.state === 'running' ? [status] : []
    const found = await Promise.allSettled(
      [...running, ...this.queue.entries].map((address) => this.library.summary(address)),
    )
    // Deleted with its project, perhaps to be brought back: passed over when its turn comes.
    const entries = found.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value] : []))
    return { entries, held: this.queue.held }
  }

  async moveInQueue(address: RunAddress, index: number): Promise<void> {
    await this.queue.move(address, index)
    this.tellQueue()
  }

  removeFromQueue(address: RunAddress): Promise<void> {
    return this.leaveQueue(address, 'stopped')
  }

  async holdQueue(held: boolean): Promise<void> {
    this.queue.hold(held)
    this.tellQueue()
    await this.advance()
  }

  /** Throws where a run of the project is running. */
  requireIdle(projectId: string): void {
    if (this.status.state === 'running' && this.status.projectId === projectId) {
      throw new AppError('run-in-use', 'A run of this project is running.', { hint: 'Stop it first.' })
    }
  }

  /** Before the engine process is ended: the end of its run must not begin the next. */
  close(): void {
    this.closing = true
  }

  private complete(wish: StartRequest, { source, prunableParameters }: ModelReport): RunRequest {
    const { settings, parentRunId } = wish
    const preferred = this.options.settings()
    const device = wish.device ?? preferred.device
    const byLength = checkpointInterval(settings, prunableParameters)
    return {
      source,
      settings,
      device,
      ...(wish.tf32 === true && device === 'cuda' ? { tf32: true } : {}),
      threads: wish.threads ?? preferred.threads ?? availableParallelism(),
      checkpointIntervalIterations:
        wish.checkpointIntervalIterations ?? preferred.checkpointIntervalIterations ?? byLength,
      keepCheckpoints: wish.keepCheckpoints ?? preferred.keepCheckpoints,
      ...(parentRunId === undefined ? {} : { parentRunId }),
    }
  }

  /** Throws where the run is worked on, here or elsewhere. */
  private async requireFree(address: RunAddress, run: RunFolder): Promise<void> {
    if (isRunning(this.status, address)) {
      throw new AppError('run-in-use', 'The run is running.', { file: run.path, hint: 'Stop it first.' })
    }
    if (!(await RunLock.isHeld(run.path))) return
    throw new AppError('run-in-use', 'Another program is working on this run.', {
      file: run.path,
      hint: 'Stop it there first.',
    })
  }

  /** At the end of the queue; where nothing is before it, it begins. */
  private async place(address: RunAddress): Promise<RunSummary> {
    await this.queue.add(address)
    const begun = await this.advance()
    const summary = await this.library.summary(address)
    if (!begun) this.options.events.send('runs:changed', summary)
    this.tellQueue()
    return summary
  }

  /** Never begun it is stopped now; else it is what it was. */
  private async leaveQueue(address: RunAddress, state: 'paused' | 'stopped'): Promise<void> {
    await this.queue.remove(address)
    this.tellQueue()
    const run = await this.library.open(address)
    if (run.record.state === 'queued') await run.update({ state, ended: new Date().toISOString() })
    this.options.events.send('runs:changed', await this.library.summary(address))
  }

  /** Begins the first that waits, where the engine is free; answers whether it did. One that cannot begin does not hold
   *  up the next. */
  private async advance(): Promise<boolean> {
    while (this.status.state !== 'running' && !this.queue.held && !this.closing) {
      const [first] = this.queue.entries
      if (first === undefined) return false
      // Taken at once: whoever asks meanwhile must find the engine taken.
      this.setStatus({ state: 'running', ...first })
      await this.queue.remove(first).catch(() => undefined)
      if (await this.begin(first)) return true
      this.setStatus({ state: 'idle' })
      const summary = await this.library.summary(first).catch(() => null)
      if (summary !== null) this.options.events.send('runs:changed', summary)
    }
    return false
  }

  private async begin(address: RunAddress): Promise<boolean> {
    let folder: string
    try {
      const run = await this.library.open(address)
      if (await RunLock.isHeld(run.path)) return false
      folder = run.path
    } catch {
      return false
    }
    const ended = this.options.engine.request('run', { ...address, runFolder: folder })
    void ended.then(
      () => this.finish(address, null),
      (error: unknown) => this.finish(address, toErrorRecord(error)),
    )
    this.progressTimer = setInterval(() => void this.tellProgress(address), progressMs).unref()
    this.options.events.send('runs:changed', await this.library.summary(address))
    return true
  }

  private async finish(address: RunAddress, error: ErrorRecord | null): Promise<void> {
    if (this.progressTimer !== null) clearInterval(this.progressTimer)
    this.progressTimer = null
    if (isRunning(this.status, address)) this.setStatus({ state: 'idle' })
    try {
      await this.settle(address, error)
    } finally {
      await this.advance()
      this.tellQueue()
    }
  }

  /** What is left to write down of a run that has ended. */
  private async settle(address: RunAddress, error: ErrorRecord | null): Promise<void> {
    const run = await this.library.open(address).catch(() => null)
    // Deleted in the meantime.
    if (run === null) return
    // The runner writes down how a run ended; where its process died nobody did. A run in use is somebody else's.
    const open = ['queued', 'running'].includes(run.record.state)
    if (error !== null && open && error.code !== 'run-in-use') {
      await run.update({ state: 'failed', error, ended: new Date().toISOString() })
    }
    await this.keepReference(address.projectId, run)
    this.options.events.send('runs:changed', await this.library.summary(address))
  }

  private async follow({ projectId, runId, events }: RunEventMessage): Promise<void> {
    if (!events.some(({ kind }) => kind === 'phase')) return
    const run = await this.library.open({ projectId, runId })
    await this.keepReference(projectId, run)
  }

  /** What the first run measured belongs to the project. */
  private async keepReference(projectId: string, run: RunFolder): Promise<void> {
    const measured = run.record.model?.referenceAccuracy
    if (measured === undefined) return
    const { store, events } = this.options
    if ((await store.open(projectId)).referenceAccuracy === measured) return
    await store.update(projectId, (project) => ({ ...project, referenceAccuracy: measured }))
    events.send('projects:changed', undefined)
  }

  private async tellProgress(address: RunAddress): Promise<void> {
    const summary = await this.library.summary(address).catch(() => null)
    // It may have ended while it was read.
    if (summary === null || !isRunning(this.status, address)) return
    this.options.events.send('runs:changed', summary)
    this.emit('activity', { busy: true, address, reach: summary.progress })
  }

  private tellQueue(): void {
    this.options.events.send('queue:changed', undefined)
  }

  private setStatus(status: EngineStatus): void {
    this.status = status
    this.options.events.send('engine:status', status)
    if (status.state === 'running') {
      const { projectId, runId } = status
      this.emit('activity', { busy: true, address: { projectId, runId }, reach: null })
    } else this.emit('activity', { busy: false, address: null, reach: null })
  }
}

/** Sorts by time, and is free also where two start within a second. */
function newRunId(): string {
  const time = new Date().toISOString().slice(0, 19).replace(/[-:]/g, '').replace('T', '-')
  return `${time}-${randomBytes(2).toString('hex')}`
}
