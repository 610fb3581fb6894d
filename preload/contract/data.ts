// The data of a model: images, classes, what the stored model says of them, its accuracy on the whole test set.
// Long requests carry a `job` of the window's choosing, by which progress is told and the work is ended early.

import type {
  ClassBalance,
  DataPreview,
  ImagePrediction,
  ReferenceMeasurement,
} from '../../main/projects/types'
import { id, integer, object, oneOf, optional, type Schema } from '../schema'
import { modelSource, path } from './common'

/** Index of the first image, from 0, and how many. */
const page = { start: integer(0, Number.MAX_SAFE_INTEGER), count: integer(1, 200) }

export const dataRequests = {
  'data:preview': object({ dataset: path, ...page }),
  /** What the stored model says of the images of a page. */
  'data:predict': object({ source: modelSource, phase: oneOf('TRAIN', 'TEST'), ...page }),
  'data:classes': object({ dataset: path, job: id }),
  /** The stored model on the whole test set; kept with the project named, or with that made of this source next. */
  'data:measure-reference': object({ source: modelSource, projectId: optional(id), job: id }),
  'data:cancel': object({ job: id }),
} satisfies Record<string, Schema<unknown>>

export interface DataResponses {
  'data:preview': DataPreview
  'data:predict': ImagePrediction[]
  'data:classes': ClassBalance
  'data:measure-reference': ReferenceMeasurement
  'data:cancel': void
}

export interface DataEvents {
  'data:progress': DataProgress
}
export const dataEvents = ['data:progress'] as const

export interface DataProgress {
  job: string
  /** Of all the work, 0..1. */
  fraction: number
}
