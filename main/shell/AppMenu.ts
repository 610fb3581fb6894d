// Keeps the application menu in step with language, theme, recent projects and the run that is on.

import { app, Menu } from 'electron'

import type { EngineStatus } from '../../preload/contract'
import { menuTemplate, type MenuActions } from '../menu'
import type { RunAddress } from '../projects/runAddress'
import type { RunSummary } from '../projects/types'
import type { AppSettings } from '../settings/types'
import type { Texts } from './texts'

const mostRecent = 10

export interface AppMenuOptions {
  texts: Texts
  theme(): AppSettings['theme']
  recent(most: number): Promise<{ id: string; name: string }[]>
  /** The rest of the actions; a run's are told of which run. */
  actions: Omit<MenuActions, 'pauseRun' | 'stopRun' | 'resumeRun' | 'showRun'> & {
    pauseRun(run: RunAddress): void
    stopRun(run: RunAddress): void
    resumeRun(run: RunAddress): void
    showRun(run: RunAddress): void
  }
}

export class AppMenu {
  private recent: { id: string; name: string }[] = []
  private running: RunAddress | null = null
  private paused: RunAddress | null = null

  constructor(private readonly options: AppMenuOptions) {}

  engineChanged(status: EngineStatus): void {
    this.running = status.state === 'running' ? status : null
    if (this.running !== null && this.running.runId === this.paused?.runId) this.paused = null
    this.build()
  }

  runChanged({ id, projectId, state }: RunSummary): void {
    if (state === 'paused') this.paused = { projectId, runId: id }
    else if (this.paused?.runId === id) this.paused = null
    else return
    this.build()
  }

  async projectsChanged(): Promise<void> {
    this.recent = await this.options.recent(mostRecent)
    this.build()
  }

  build(): void {
    const { running, paused } = this
    const { texts, theme, actions } = this.options
    const withRun = (run: RunAddress | null, act: (run: RunAddress) => void) => () => {
      if (run !== null) act(run)
    }
    const template = menuTemplate(
      {
        texts,
        theme: theme(),
        recent: this.recent,
        run: running !== null ? 'running' : paused !== null ? 'paused' : 'none',
        developer: !app.isPackaged,
        mac: process.platform === 'darwin',
      },
      {
        ...actions,
        pauseRun: withRun(running, actions.pauseRun),
        stopRun: withRun(running, actions.stopRun),
        showRun: withRun(running, actions.showRun),
        resumeRun: withRun(paused, actions.resumeRun),
      },
    )
    Menu.setApplicationMenu(Menu.buildFromTemplate(template))
  }
}
