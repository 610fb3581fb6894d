// A project's runs: started, stopped and resumed in the engine process, one at a time; listed and read from their folders.

import { randomBytes } from 'node:crypto'

import type { CompressChoices, EngineStatus, RunHistory } from '../../preload/contract'
import type { EngineProcess } from '../engine/EngineProcess'
import type { RunEventMessage } from '../engine/protocol'
import { AppError, type ErrorRecord, toErrorRecord } from '../net/errors'
import { RunFolder } from '../runs/RunFolder'
import { isRunning, type RunAddress } from './runAddress'
import { readHistory, summarise } from './runReading'
import { settingsFor } from './settings'
import type { ProjectStore } from './ProjectStore'
import type { RunSummary } from './types'

export interface RunServiceOptions {
  engine: EngineProcess
  store: ProjectStore
  events: {
    send(name: 'engine:status', status: EngineStatus): void
    send(name: 'runs:changed', summary: RunSummary): void
    send(name: 'projects:changed', payload: undefined): void
  }
  moveToTrash(folder: string): Promise<void>
}

/** Checkpoints of a run: this many over its length, and no more often than every 100 iterations. */
const checkpointsPerRun = 30
const leastCheckpointInterval = 100
const keepCheckpoints = 3

export class RunService {
  private status: EngineStatus = { state: 'idle' }

  constructor(private readonly options: RunServiceOptions) {
    const { engine } = options
    engine.on('run-events', (message) => void this.follow(message))
    engine.on('ended', (crashed) => this.setStatus({ state: crashed ? 'crashed' : 'idle' }))
  }

  get engineStatus(): EngineStatus {
    return this.status
  }

  /** The project's runs, newest first, and why the others cannot be read. */
  async list(projectId: string): Promise<{ runs: RunSummary[]; unreadable: ErrorRecord[] }> {
    const listed = await RunFolder.list(this.options.store.runsFolderOf(projectId))
    const folders = listed.flatMap((entry) => ('run' in entry ? [entry.run] : []))
    const runs = (await Promise.all(folders.map((run) => this.summary(projectId, run)))).reverse()
    return { runs, unreadable: listed.flatMap((entry) => ('error' in entry ? [entry.error] : [])) }
  }

  async start(projectId: string, choices: CompressChoices): Promise<RunSummary> {
    this.requireFreeEngine()
    const { report } = await this.options.store.open(projectId)
    if (report.suggested === null) {
      throw new AppError(
        'not-compressible',
        report.obstacle ?? 'This model cannot be compressed as it stands.',
        {
          file: report.source.folder,
        },
      )
    }
    const { threads, ...rest } = choices
    const settings = settingsFor(rest, report.suggested)
    const interval = Math.ceil(settings.iterations / checkpointsPerRun)
    const run = await RunFolder.create(this.options.store.runFolderOf(projectId, newRunId()), {
      source: report.source,
      settings,
      device: 'cpu',
      threads,
      checkpointIntervalIterations: Math.max(leastCheckpointInterval, interval),
      keepCheckpoints,
    })
    return this.begin(projectId, run)
  }

  async resume(address: RunAddress): Promise<RunSummary> {
    this.requireFreeEngine()
    const run = await this.open(address)
    if ((await run.actualState()) === 'finished') {
      throw new AppError('run-finished', 'The run is finished.', { file: run.path, hint: 'Start a new one.' })
    }
    return this.begin(address.projectId, run)
  }

  async stop(address: RunAddress, state: 'paused' | 'stopped'): Promise<void> {
    if (!isRunning(this.status, address)) {
      throw new AppError('run-not-running', 'The run is not running.')
    }
    await this.options.engine.request('stopRun', { state })
  }

  async history(address: RunAddress): Promise<RunHistory> {
    const history = await readHistory(address.projectId, await this.open(address))
    return { ...history, summary: this.withStatus(history.summary) }
  }

  async delete(address: RunAddress): Promise<void> {
    const run = await this.open(address)
    if (isRunning(this.status, address)) {
      throw new AppError('run-in-use', 'The run is running.', { hint: 'Stop it first.' })
    }
    await this.options.moveToTrash(run.path)
    this.options.events.send('projects:changed', undefined)
  }

  /** Throws where a run of the project is running. */
  requireIdle(projectId: string): void {
    if (this.status.state === 'running' && this.status.projectId === projectId) {
      throw new AppError('run-in-use', 'A run of this project is running.', { hint: 'Stop it first.' })
    }
  }

  private open({ projectId, runId }: RunAddress): Promise<RunFolder> {
    return RunFolder.open(this.options.store.runFolderOf(projectId, runId))
  }

  private requireFreeEngine(): void {
    if (this.status.state !== 'running') return
    throw new AppError('engine-busy', 'Another run is using the engine.', {
      hint: 'Pause it, or wait for its end.',
    })
  }

  private async begin(projectId: string, run: RunFolder): Promise<RunSummary> {
    const address = { projectId, runId: run.record.id }
    // Before the process is asked: a second start must find the engine taken.
    this.setStatus({ state: 'running', ...address })
    const ended = this.options.engine.request('run', { ...address, runFolder: run.path })
    void ended.then(
      () => this.finish(address, null),
      (error: unknown) => this.finish(address, toErrorRecord(error)),
    )
    const summary = await this.summary(projectId, run)
    this.options.events.send('runs:changed', summary)
    return summary
  }

  private async finish(address: RunAddress, error: ErrorRecord | null): Promise<void> {
    if (isRunning(this.status, address)) this.setStatus({ state: 'idle' })
    const run = await this.open(address)
    // The runner writes down how a run ended; where its process died nobody did.
    if (error !== null && ['queued', 'running'].includes(run.record.state)) {
      await run.update({ state: 'failed', error, ended: new Date().toISOString() })
    }
    await this.keepReference(address.projectId, run)
    this.options.events.send('runs:changed', await this.summary(address.projectId, run))
  }

  private async follow({ projectId, runId, events }: RunEventMessage): Promise<void> {
    if (!events.some(({ kind }) => kind === 'phase')) return
    const run = await this.open({ projectId, runId })
    await this.keepReference(projectId, run)
  }

  /** What the first run measured belongs to the project. */
  private async keepReference(projectId: string, run: RunFolder): Promise<void> {
    const measured = run.record.model?.referenceAccuracy
    if (measured === undefined) return
    const { store, events } = this.options
    const project = await store.open(projectId)
    if (project.referenceAccuracy === measured) return
    await store.save({ ...project, referenceAccuracy: measured })
    events.send('projects:changed', undefined)
  }

  private async summary(projectId: string, run: RunFolder): Promise<RunSummary> {
    return this.withStatus(await summarise(projectId, run))
  }

  /** A run just begun has not written so yet. */
  private withStatus(summary: RunSummary): RunSummary {
    const running = isRunning(this.status, { projectId: summary.projectId, runId: summary.id })
    return running ? { ...summary, state: 'running', ended: null, error: null } : summary
  }

  private setStatus(status: EngineStatus): void {
    this.status = status
    this.options.events.send('engine:status', status)
  }
}

/** Sorts by time, and is free also where two start within a second. */
function newRunId(): string {
  const time = new Date().toISOString().slice(0, 19).replace(/[-:]/g, '').replace('T', '-')
  return `${time}-${randomBytes(2).toString('hex')}`
}
