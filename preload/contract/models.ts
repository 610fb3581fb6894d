// Checkpoints, and exported models with what their verification found. Long requests carry a `job` of the window's
// choosing, by which progress is told and the work is ended early.

import type { RunModels, ProjectModels } from '../../main/projects/modelTypes'
import type {
  CheckpointInfo,
  ExportedModel,
  Latency,
  ModelProgress,
  ReferenceModel,
} from '../../main/runs/models'
import { boolean, id, integer, object, oneOf, optional, type Schema, string } from '../schema'
import { projectAddress, runAddress } from './common'

const checkpointAddress = { projectId: id, runId: id, checkpoint: id }

/** Without `runId`: the project's reference model. */
const modelAddress = { projectId: id, runId: optional(id), modelId: id }

export const modelRequests = {
  'models:list': projectAddress,
  'models:of-run': runAddress,
  'models:export': object({
    projectId: id,
    runId: id,
    /** Absent: the promoted checkpoint, or else the newest whole one. */
    checkpoint: optional(id),
    /** Instead: the net that the run kept at this iteration. */
    front: optional(integer(0, 1_000_000_000)),
    format: oneOf(
      'onnx',
      'onnx-sparse',
      'onnx-compact',
      'onnx-compact-sparse',
      'caffemodel',
      'caffemodel-plain',
    ),
    job: id,
    /** Title of a save dialog; absent: into the run's own folder. */
    saveTitle: optional(string(200)),
  }),
  'models:prepare-reference': object({ projectId: id, job: id }),
  'models:verify': object({ ...modelAddress, job: id }),
  'models:measure': object({ ...modelAddress, job: id }),
  'models:cancel': object({ job: id }),
  'models:reveal': object(modelAddress),
  'models:delete': object(modelAddress),
  'checkpoints:list': runAddress,
  'checkpoints:promote': object({ ...checkpointAddress, promoted: boolean }),
  'checkpoints:delete': object(checkpointAddress),
} satisfies Record<string, Schema<unknown>>

export interface ModelResponses {
  'models:list': ProjectModels
  'models:of-run': RunModels
  /** null where the save dialog was cancelled. */
  'models:export': ExportedModel | null
  'models:prepare-reference': ReferenceModel
  'models:verify': ExportedModel
  'models:measure': Latency
  'models:cancel': void
  'models:reveal': void
  'models:delete': { undo: string }
  'checkpoints:list': CheckpointInfo[]
  'checkpoints:promote': CheckpointInfo[]
  'checkpoints:delete': { undo: string }
}

export interface ModelEvents {
  'models:progress': { job: string } & ModelProgress
  'models:changed': { projectId: string }
}
export const modelEvents = ['models:progress', 'models:changed'] as const
