// Runs: started, watched, read back.

import type { ErrorRecord } from '../../main/net/errors'
import type { ExportResult, RunSummary } from '../../main/projects/types'
import type { LogLevel, RunCycle, RunEvent, RunPhase } from '../../main/runs/types'
import { id, type Infer, integer, number, object, oneOf, type Schema } from '../schema'
import { runAddress } from './common'

const compressChoices = object({
  searchMode: oneOf('ncs', 'as-published'),
  /** Allowed fall of the batch accuracy within a search, 0..1. */
  delta: number(0, 1),
  seed: integer(0, 4_294_967_295),
  iterations: integer(1, 100_000_000),
  /** Candidates tried in one search. */
  evaluations: integer(1, 1_000_000),
  threads: integer(1, 256),
})
export type CompressChoices = Infer<typeof compressChoices>

export const runRequests = {
  'runs:start': object({ projectId: id, choices: compressChoices }),
  'runs:pause': runAddress,
  'runs:stop': runAddress,
  'runs:resume': runAddress,
  'runs:history': runAddress,
  'runs:delete': runAddress,
} satisfies Record<string, Schema<unknown>>

export interface RunResponses {
  'runs:start': RunSummary
  'runs:pause': void
  'runs:stop': void
  'runs:resume': RunSummary
  'runs:history': RunHistory
  'runs:delete': void
}

export interface RunEvents {
  'runs:changed': RunSummary
  /** From the engine process, over its own port. */
  'engine:run-events': RunEventBatch
}
/** Those that main sends. */
export const runEvents = ['runs:changed'] as const

/** A run's columns, one value per row, as the charts hold them. NaN where a value is not known. */
export interface IterationColumns {
  iteration: Float64Array
  loss: Float64Array
  accuracy: Float64Array
  learningRate: Float64Array
  compression: Float64Array
}

export interface TestColumns {
  iteration: Float64Array
  loss: Float64Array
  accuracy: Float64Array
  compression: Float64Array
}

export interface LogLine {
  timeMs: number
  level: LogLevel
  text: string
}

export interface RunProgress {
  phase: RunPhase
  text: string
  iteration: number
  iterations: number
  cycle?: RunCycle
}

/** A run as its folder tells it. */
export interface RunHistory {
  summary: RunSummary
  referenceAccuracy: number | null
  iterations: IterationColumns
  tests: TestColumns
  log: LogLine[]
  progress: RunProgress | null
  checkpoint: { iteration: number } | null
  exported: ExportResult | null
  error: ErrorRecord | null
}

/** A batch of a run's events, from the engine process. */
export interface RunEventBatch {
  projectId: string
  runId: string
  events: RunEvent[]
}
