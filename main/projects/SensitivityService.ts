// A project's sensitivity: measured in the background on the engine, one project at a time, kept beside the project and
// known by the weights it was measured on.

import { readFile, stat } from 'node:fs/promises'
import path from 'node:path'

import type { EngineProcess } from '../engine/EngineProcess'
import { AppError, type ErrorRecord, toErrorRecord } from '../net/errors'
import { isMissing, replaceFile } from '../runs/durable'
import type { Sensitivity, SensitivityProgress, SensitivityState, WeightsIdentity } from './netTypes'
import type { ProjectStore } from './ProjectStore'
import type { Project } from './types'

const formatVersion = 1
const sensitivityFile = 'sensitivity.json'

export interface SensitivityServiceOptions {
  engine: Pick<EngineProcess, 'request'>
  store: Pick<ProjectStore, 'open' | 'folderOf'>
  events: {
    send(name: 'sensitivity:changed', state: SensitivityState): void
    send(name: 'sensitivity:failed', failure: { projectId: string; error: ErrorRecord }): void
  }
  /** Threads of the engine, where no run needs them. */
  threads(): number
}

interface UnderWay {
  projectId: string
  stopper: AbortController
  progress: SensitivityProgress | 'preparing'
  ended: Promise<void>
}

export class SensitivityService {
  private underWay: UnderWay | null = null

  constructor(private readonly options: SensitivityServiceOptions) {}

  async state(projectId: string): Promise<SensitivityState> {
    const project = await this.options.store.open(projectId)
    const result = await this.read(projectId)
    const { underWay } = this
    return {
      projectId,
      result,
      outdated: result !== null && !isSame(result.weights, await identityOf(project)),
      progress: underWay?.projectId === projectId ? underWay.progress : null,
    }
  }

  /** Answers when it has begun; the curves come as events, and are kept when the last is measured. */
  async measure(projectId: string, images: number): Promise<SensitivityState> {
    const project = await this.options.store.open(projectId)
    if (this.underWay !== null) {
      throw new AppError('sensitivity-busy', 'A sensitivity is being measured already.', {
        hint: 'Wait for its end, or cancel it.',
      })
    }
    const stopper = new AbortController()
    const underWay: UnderWay = { projectId, stopper, progress: 'preparing', ended: Promise.resolve() }
    this.underWay = underWay
    underWay.ended = this.work(project, images, underWay)
    return this.state(projectId)
  }

  /** Resolves when it has ended; at once where none is under way. What was kept before stays. */
  async cancel(projectId: string): Promise<void> {
    if (this.underWay?.projectId !== projectId) return
    this.underWay.stopper.abort()
    await this.underWay.ended
  }

  private async work(project: Project, images: number, underWay: UnderWay): Promise<void> {
    const { engine, events, threads } = this.options
    const { id, report } = project
    try {
      const weights = await identityOf(project)
      if (weights === null) {
        throw new AppError('no-weights', 'There are no trained weights in the folder.', {
          file: report.source.folder,
          hint: 'Add the caffemodel.',
        })
      }
      const measured = await engine.request(
        'sensitivity',
        { source: report.source, images, threads: threads() },
        (progress) => {
          underWay.progress = progress
          void this.state(id).then((state) => {
            if (this.underWay === underWay) events.send('sensitivity:changed', state)
          })
        },
        underWay.stopper.signal,
      )
      await this.write(id, { formatVersion, weights, measured: new Date().toISOString(), ...measured })
    } catch (error) {
      const record = toErrorRecord(error)
      if (record.code !== 'cancelled') events.send('sensitivity:failed', { projectId: id, error: record })
    } finally {
      this.underWay = null
      // A project deleted meanwhile has no state.
      await this.state(id).then(
        (state) => events.send('sensitivity:changed', state),
        () => undefined,
      )
    }
  }

  private file(projectId: string): string {
    return path.join(this.options.store.folderOf(projectId), sensitivityFile)
  }

  /** One that cannot be read is measured again: it holds nothing but what the engine can tell anew. */
  private async read(projectId: string): Promise<Sensitivity | null> {
    try {
      const value: unknown = JSON.parse(await readFile(this.file(projectId), 'utf8'))
      return isSensitivity(value) ? value : null
    } catch (error) {
      if (isMissing(error) || error instanceof SyntaxError) return null
      throw error
    }
  }

  private write(projectId: string, sensitivity: Sensitivity): Promise<void> {
    return replaceFile(this.file(projectId), `${JSON.stringify(sensitivity)}\n`)
  }
}

function isSensitivity(value: unknown): value is Sensitivity {
  if (typeof value !== 'object' || value === null) return false
  if (!('formatVersion' in value) || value.formatVersion !== formatVersion) return false
  return 'weights' in value && 'layers' in value && Array.isArray(value.layers)
}

/** null where there are no weights. */
async function identityOf({ report }: Project): Promise<WeightsIdentity | null> {
  const file = report.source.weights ?? report.files.find(({ role }) => role === 'weights')?.chosen
  if (file === undefined || file === null) return null
  const found = await stat(file).catch(() => null)
  return found === null ? null : { file, bytes: found.size, modifiedMs: found.mtimeMs }
}

function isSame(measured: WeightsIdentity, now: WeightsIdentity | null): boolean {
  return (
    now !== null &&
    measured.file === now.file &&
    measured.bytes === now.bytes &&
    measured.modifiedMs === now.modifiedMs
  )
}
