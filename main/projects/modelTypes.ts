// The models of a project, in plain JSON. Shared with the window through preload/contract.

import type { ErrorRecord } from '../net/errors'
import type { CheckpointInfo, ExportedModel, ReferenceModel } from '../runs/models'
import type { RunState } from '../runs/types'

/** Files that are no longer where they were written. */
export interface ListedModel extends ExportedModel {
  missing: boolean
}

export interface RunModels {
  runId: string
  /** The user's, or ''. */
  name: string
  state: RunState
  /** ISO 8601 */
  started: string
  seed: number
  /** Newest first. */
  checkpoints: CheckpointInfo[]
  /** Newest first. */
  exports: ListedModel[]
}

export interface ProjectModels {
  reference: (ReferenceModel & { missing: boolean }) | null
  /** The project's caffemodel; null where there is none. */
  caffemodel: { file: string; bytes: number } | null
  parameters: number
  prunableParameters: number
  referenceAccuracy: number | null
  /** Runs with a checkpoint or an export, newest first. */
  runs: RunModels[]
  /** Records and runs that cannot be read. */
  unreadable: ErrorRecord[]
}
