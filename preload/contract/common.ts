// What every group of the contract speaks of: addresses, sources, results.

import type { ErrorRecord } from '../../main/net/errors'
import type { ModelSource } from '../../main/runs/types'
import { id, object, optional, type Schema, string } from '../schema'

/** Lines of a file around the place of an error. */
export interface Excerpt {
  firstLine: number
  lines: string[]
}

export interface ShownError extends ErrorRecord {
  excerpt?: Excerpt
}

export type Result<T> = { ok: true; value: T } | { ok: false; error: ShownError }

export const path = string()

export const modelSource: Schema<ModelSource> = object({
  folder: path,
  net: optional(path),
  solver: optional(path),
  weights: optional(path),
  dataTrain: optional(path),
  dataTest: optional(path),
})

export const projectAddress = object({ projectId: id })
export const runAddress = object({ projectId: id, runId: id })

export interface RunAddress {
  projectId: string
  runId: string
}
