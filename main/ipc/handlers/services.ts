// What the handlers call.

import type { EngineProcess } from '../../engine/EngineProcess'
import type { DataService } from '../../projects/DataService'
import type { EstimateService } from '../../projects/EstimateService'
import type { CancellableJobs } from '../../projects/CancellableJobs'
import type { ModelService } from '../../projects/ModelService'
import type { NetService } from '../../projects/NetService'
import type { ProjectService } from '../../projects/ProjectService'
import type { ProjectStore } from '../../projects/ProjectStore'
import type { RunFiles } from '../../projects/RunFiles'
import type { RunService } from '../../projects/RunService'
import type { SensitivityService } from '../../projects/SensitivityService'
import type { TryService } from '../../projects/TryService'
import type { HelpService } from '../../shell/HelpService'
import type { SettingsService } from '../../shell/SettingsService'
import type { ReportService } from '../../report/ReportService'
import type { WindowEvents } from '../WindowEvents'

export interface HandlerServices {
  engine: EngineProcess
  store: ProjectStore
  runs: RunService
  runFiles: RunFiles
  reports: ReportService
  projects: ProjectService
  data: DataService
  estimates: EstimateService
  models: ModelService
  modelJobs: CancellableJobs
  tries: TryService
  net: NetService
  sensitivity: SensitivityService
  events: WindowEvents
  help: HelpService
  settings: SettingsService
  /** Ends the app and starts it again. */
  restart(): void
  chooseFolder(title: string): Promise<string | null>
  revealFile(file: string): void
  appInfo(): { version: string; electron: string }
}
