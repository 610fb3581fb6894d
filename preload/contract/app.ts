// The app itself: what it is, its dialogs, its menu.

import { nothing, object, type Schema, string } from '../schema'

export const appRequests = {
  'app:info': nothing,
  'dialog:choose-folder': object({ title: string(200) }),
} satisfies Record<string, Schema<unknown>>

export interface AppResponses {
  'app:info': AppInfo
  'dialog:choose-folder': string | null
}

export interface AppEvents {
  'engine:status': EngineStatus
  'menu:command': MenuCommand
}
export const appEvents = ['engine:status', 'menu:command'] as const

export type MenuCommand = 'new-project' | 'show-projects'

export interface AppInfo {
  version: string
  electron: string
  logicalCpus: number
  engine: EngineStatus
  projectsFolder: string
}

export type EngineStatus =
  { state: 'idle' | 'starting' | 'crashed' } | { state: 'running'; projectId: string; runId: string }
