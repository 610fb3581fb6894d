// What the handlers call.

import type { EngineProcess } from '../../engine/EngineProcess'
import type { ProjectStore } from '../../projects/ProjectStore'
import type { RunService } from '../../projects/RunService'
import type { SampleProjects } from '../../projects/SampleProjects'
import type { WindowEvents } from '../WindowEvents'

export interface HandlerServices {
  engine: EngineProcess
  store: ProjectStore
  runs: RunService
  samples: SampleProjects
  events: WindowEvents
  chooseFolder(title: string): Promise<string | null>
  revealFile(file: string): void
  appInfo(): { version: string; electron: string }
}
