// Checkpoints and exported models.

import type { ExportResult } from '../../main/projects/types'
import { boolean, id, object, optional, type Schema } from '../schema'
import { runAddress } from './common'

export const modelRequests = {
  'runs:export': object({ projectId: id, runId: id, compact: optional(boolean) }),
  'runs:reveal-export': runAddress,
} satisfies Record<string, Schema<unknown>>

export interface ModelResponses {
  'runs:export': ExportResult
  'runs:reveal-export': void
}
