// The app itself: what it is, its settings, its dialogs, where its menu sends the window.

import type { SystemInfo } from '../../main/engine/binding'
import type { ErrorRecord } from '../../main/net/errors'
import type { AppSettings } from '../../main/settings/types'
import { boolean, integer, nothing, nullable, object, oneOf, optional, type Schema, string } from '../schema'
import { path } from './common'

export type { AppSettings, SystemInfo }

/** What is set anew; the rest stays. */
const settingsPatch = object({
  language: optional(oneOf('system', 'en', 'zh-CN')),
  theme: optional(oneOf('system', 'light', 'dark')),
  device: optional(oneOf('cpu', 'cuda')),
  threads: optional(nullable(integer(1, 256))),
  dataFolder: optional(nullable(path)),
  checkpointIntervalIterations: optional(nullable(integer(1, 100_000_000))),
  keepCheckpoints: optional(integer(1, 1000)),
  notifications: optional(boolean),
}) satisfies Schema<SettingsPatch>

export type SettingsPatch = Partial<Omit<AppSettings, 'formatVersion'>>

export const appRequests = {
  'app:info': nothing,
  'app:about': nothing,
  'app:system-info': nothing,
  'app:open-guide': nothing,
  'app:open-notices': nothing,
  'app:save-report': nothing,
  'app:restart': nothing,
  'settings:get': nothing,
  'settings:set': settingsPatch,
  'dialog:choose-folder': object({ title: string(200) }),
} satisfies Record<string, Schema<unknown>>

export interface AppResponses {
  'app:info': AppInfo
  'app:about': AboutFacts
  /** Starts the engine process where it is not there yet. */
  'app:system-info': SystemInfo
  'app:open-guide': void
  'app:open-notices': void
  /** The file saved, null where the user chose none. */
  'app:save-report': string | null
  'app:restart': void
  'settings:get': SettingsState
  'settings:set': SettingsState
  'dialog:choose-folder': string | null
}

export interface AppEvents {
  'engine:status': EngineStatus
  'settings:changed': SettingsState
  'menu:command': MenuCommand
  /** A place chosen outside the window: in the menu, on a notification, by a second start of the app. */
  'app:go-to': Destination
}
export const appEvents = ['engine:status', 'settings:changed', 'menu:command', 'app:go-to'] as const

export type MenuCommand = 'show-palette' | 'show-about'

export type ProjectTab = 'overview' | 'net' | 'data' | 'compress' | 'project-runs' | 'models' | 'try'

export type Destination =
  | { view: 'projects' | 'runs' | 'queue' | 'settings' }
  | { view: 'import'; folder?: string }
  | { view: 'project'; projectId: string }
  | { view: 'run'; projectId: string; runId: string }
  /** Of the project on show, if one is. */
  | { view: 'tab'; tab: ProjectTab }

export interface AppInfo {
  version: string
  electron: string
  logicalCpus: number
  engine: EngineStatus
  projectsFolder: string
}

export interface AboutFacts {
  version: string
  electron: string
  chromium: string
  node: string
  /** null where the engine does not start. */
  engine: { version: string; onednn: string; cpuIsa: string } | null
  onnxruntime: string
  /** Of a package; null in a checkout. */
  build: BuildFacts | null
}

export interface BuildFacts {
  version: string | null
  commit: string | null
  /** ISO 8601, of the sources. */
  date: string | null
  /** Made on another Electron than the release's. */
  testBuild: boolean
}

export interface SettingsState {
  settings: AppSettings
  /** The language in effect, where the settings leave it to the system. */
  language: 'en' | 'zh-CN'
  /** Where projects are, where the settings leave it to the app. */
  standardDataFolder: string
  /** The data folder in use until the app is started again. */
  activeDataFolder: string
  /** Why the settings kept could not be read, and where they are now. */
  problem: ErrorRecord | null
}

export type EngineStatus =
  { state: 'idle' | 'starting' | 'crashed' } | { state: 'running'; projectId: string; runId: string }
