// What the handlers call.

import type { EngineProcess } from '../../engine/EngineProcess'
import type { DataService } from '../../projects/DataService'
import type { ProjectService } from '../../projects/ProjectService'
import type { ProjectStore } from '../../projects/ProjectStore'
import type { RunService } from '../../projects/RunService'
import type { WindowEvents } from '../WindowEvents'

export interface HandlerServices {
  engine: EngineProcess
  store: ProjectStore
  runs: RunService
  projects: ProjectService
  data: DataService
  events: WindowEvents
  chooseFolder(title: string): Promise<string | null>
  revealFile(file: string): void
  appInfo(): { version: string; electron: string }
}
