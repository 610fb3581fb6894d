// Projects, and the import of a model folder.

import type { ErrorRecord } from '../../main/net/errors'
import type { ModelReport, Project, ProjectListItem, RunSummary } from '../../main/projects/types'
import { id, nothing, object, optional, type Schema, string } from '../schema'
import { modelSource, path, projectAddress } from './common'

export const projectRequests = {
  'model:inspect': modelSource,
  'projects:list': nothing,
  'projects:create': object({ name: optional(string(200)), source: modelSource }),
  'projects:open': projectAddress,
  'projects:remap': object({ projectId: id, dataTrain: path, dataTest: path }),
  'projects:delete': projectAddress,
} satisfies Record<string, Schema<unknown>>

export interface ProjectResponses {
  'model:inspect': ModelReport
  'projects:list': ProjectList
  'projects:create': Project
  'projects:open': ProjectDetails
  'projects:remap': Project
  'projects:delete': void
}

export interface ProjectEvents {
  'projects:changed': void
  /** What the import under way is doing. */
  'model:progress': string
}
export const projectEvents = ['projects:changed', 'model:progress'] as const

export interface ProjectList {
  projects: ProjectListItem[]
  /** Project folders that could not be read. */
  problems: ErrorRecord[]
  /** What is being made ready at the first start, if anything. */
  preparing: string | null
}

export interface ProjectDetails {
  project: Project
  runs: RunSummary[]
  /** Run folders that cannot be read, and why. */
  unreadable: ErrorRecord[]
}
