// Before a run: what it will take. While one is on: what it takes.

import type { RunCosts } from '../../main/projects/estimate'
import { boolean, id, integer, object, oneOf, optional, type Schema } from '../schema'

export const compressRequests = {
  /** A short measurement of the project's model; a new one for the same window ends the one under way. */
  'compress:estimate': object({
    projectId: id,
    device: oneOf('cpu', 'cuda'),
    tf32: optional(boolean),
    threads: integer(1, 256),
  }),
} satisfies Record<string, Schema<unknown>>

export interface CompressResponses {
  'compress:estimate': RunCosts
}

export interface CompressEvents {
  /** Every two seconds while a run is on. */
  'engine:usage': EngineUsage
}
export const compressEvents = ['engine:usage'] as const

/** Of the engine process. */
export interface EngineUsage {
  /** Milliseconds since the epoch. */
  timeMs: number
  /** 100: one core at its full. */
  cpuPercent: number
  /** Memory held in RAM. */
  memoryBytes: number
}
