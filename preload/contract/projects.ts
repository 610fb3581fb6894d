// Projects, and the import of a model folder.

import type { ErrorRecord } from '../../main/net/errors'
import type { ModelReport, Project, ProjectListItem, RunSummary } from '../../main/projects/types'
import { id, nothing, object, oneOf, optional, type Schema, string } from '../schema'
import { modelSource, path, projectAddress } from './common'

const name = string(200)

export const projectRequests = {
  'model:inspect': modelSource,
  /** Ends the reading under way. */
  'model:cancel': nothing,
  'projects:list': nothing,
  'projects:create': object({ name: optional(name), source: modelSource }),
  /** Makes a project of a sample that comes with the app. */
  'projects:add-sample': object({ sample: oneOf('lenet-300-100', 'lenet-5') }),
  'projects:open': projectAddress,
  /** The user went to the project: it is a recent one now. */
  'projects:visit': projectAddress,
  'projects:rename': object({ projectId: id, name }),
  /** A second project on the same model, without runs. */
  'projects:duplicate': object({ projectId: id, name }),
  'projects:remap': object({ projectId: id, dataTrain: path, dataTest: path }),
  /** Reads the model folder again: its files may have changed. */
  'projects:reread': projectAddress,
  /** Shows the project's own folder, or that of its model, in the file manager. */
  'projects:reveal': object({ projectId: id, what: oneOf('project', 'model') }),
  /** `undo` of the answer brings it back, for a minute, by app:undo-delete. */
  'projects:delete': projectAddress,
  /** Brings back what any delete took away. */
  'app:undo-delete': object({ undo: id }),
} satisfies Record<string, Schema<unknown>>

export interface ProjectResponses {
  'model:inspect': ModelReport
  'model:cancel': void
  'projects:list': ProjectList
  'projects:create': Project
  'projects:add-sample': Project
  'projects:open': ProjectDetails
  'projects:visit': void
  'projects:rename': Project
  'projects:duplicate': Project
  'projects:remap': Project
  'projects:reread': Project
  'projects:reveal': void
  'projects:delete': { undo: string }
  'app:undo-delete': void
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
  /** Title of the sample being made ready, if any. */
  preparing: string | null
}

export interface ProjectDetails {
  project: Project
  runs: RunSummary[]
  /** Run folders that cannot be read, and why. */
  unreadable: ErrorRecord[]
}
