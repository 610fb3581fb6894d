// What the desktop learns of a run: the machine stays awake, the taskbar shows how far it is, a notification says how it
// ended. Electron's side is given, so that tests can watch it.

import type { EngineStatus } from '../../preload/contract'
import type { RunEventMessage } from '../engine/protocol'
import type { RunSummary } from '../projects/types'
import type { RunState } from '../runs/types'
import type { NativeText, Texts } from './texts'

export interface EndNotice {
  title: string
  body: string
  projectId: string
  runId: string
}

export interface RunWatcherOptions {
  texts: Texts
  /** Keeps the machine from sleeping while true. */
  keepAwake(awake: boolean): void
  /** On the taskbar: a fraction 0..1, null for none. */
  showProgress(fraction: number | null): void
  notify(notice: EndNotice): void
  notificationsWanted(): boolean
  projectName(projectId: string): Promise<string>
}

const endTexts: Partial<Record<RunState, NativeText>> = {
  finished: 'runFinished',
  failed: 'runFailed',
  stopped: 'runStopped',
}

export class RunWatcher {
  private running: { projectId: string; runId: string } | null = null
  /** Runs that were seen running: a change of notes on an old run is no end. */
  private readonly seen = new Set<string>()

  constructor(private readonly options: RunWatcherOptions) {}

  engineChanged(status: EngineStatus): void {
    this.running = status.state === 'running' ? status : null
    if (this.running !== null) this.seen.add(this.running.runId)
    this.options.keepAwake(this.running !== null)
    this.options.showProgress(this.running === null ? null : 0)
  }

  runEvents({ runId, events }: RunEventMessage): void {
    if (this.running?.runId !== runId) return
    for (const event of events) {
      if (event.kind === 'phase' && event.iterations > 0)
        this.options.showProgress(Math.min(1, event.iteration / event.iterations))
    }
  }

  async runChanged(summary: RunSummary): Promise<void> {
    const { progress } = summary
    if (this.running?.runId === summary.id && summary.state === 'running' && progress !== null)
      this.options.showProgress(Math.min(1, progress.iteration / progress.iterations))
    if (summary.state === 'running' || summary.state === 'queued' || !this.seen.delete(summary.id)) return
    const title = endTexts[summary.state]
    if (title === undefined || !this.options.notificationsWanted()) return
    const { texts, notify, projectName } = this.options
    const project = await projectName(summary.projectId).catch(() => summary.projectId)
    notify({
      title: texts.t(title, { project }),
      body: this.body(summary),
      projectId: summary.projectId,
      runId: summary.id,
    })
  }

  private body({ result, error }: RunSummary): string {
    const { texts } = this.options
    if (error !== null) return error.code === 'engine-crashed' ? texts.t('engineLostBody') : error.message
    if (result === null) return ''
    return texts.t('runFinishedBody', {
      compression: `${result.compression.toFixed(1)}×`,
      accuracy: percent(result.accuracy),
      reference: percent(result.referenceAccuracy),
    })
  }
}

function percent(fraction: number): string {
  return `${(fraction * 100).toFixed(2)}%`
}
