// Runs: started, watched, read back.

import type { ErrorRecord } from '../../main/net/errors'
import type { RunSettings } from '../../main/olmp/runSettings'
import type { ExportResult, RunSummary } from '../../main/projects/types'
import type { CheckpointInfo } from '../../main/runs/models'
import type { RunModelSummary } from '../../main/runs/RunFolder'
import type {
  FrontRecord,
  LogLevel,
  RunCycle,
  RunEvent,
  RunPhase,
  RunRequest,
  SearchRecord,
} from '../../main/runs/types'
import {
  array,
  boolean,
  id,
  type Infer,
  integer,
  InvalidRequest,
  object,
  oneOf,
  optional,
  type Schema,
} from '../schema'
import { runAddress } from './common'

/** A plain object: main checks every value (parseRunSettings), since it needs the net's layers for that. */
const settings: Schema<RunSettings> = (value, place) => {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new InvalidRequest(place, 'an object')
  }
  return value as RunSettings
}

/** Unlike string(), it may be empty. */
function text(maxLength: number): Schema<string> {
  return (value, place) => {
    if (typeof value === 'string' && value.length <= maxLength && !value.includes('\0')) return value
    throw new InvalidRequest(place, `a text of at most ${maxLength} characters`)
  }
}

const mostRuns = 200
const addresses = array(runAddress, mostRuns)
const iterations = integer(1, 1_000_000_000)

/** What is absent follows the app's settings. */
const startRequest = object({
  settings,
  device: optional(oneOf('cpu', 'cuda')),
  /** With the device cuda. */
  tf32: optional(boolean),
  threads: optional(integer(1, 256)),
  checkpointIntervalIterations: optional(iterations),
  keepCheckpoints: optional(integer(1, 1000)),
  name: optional(text(200)),
  notes: optional(text(20_000)),
  tags: optional(array(text(50), 30)),
  /** The run of the project whose settings these were made from. */
  parentRunId: optional(id),
})
export type StartRequest = Infer<typeof startRequest>

export const runRequests = {
  /** Newest first; of all projects, where none is named. */
  'runs:list': object({ projectId: optional(id) }),
  /** Begins, or waits in the queue, where the engine is taken or the queue is held. */
  'runs:start': object({ projectId: id, request: startRequest }),
  'runs:pause': runAddress,
  'runs:stop': runAddress,
  /** Begins again from the newest checkpoint; or waits in the queue, as runs:start. */
  'runs:resume': runAddress,
  /** An unfinished run computes there from its next start on. */
  'runs:move': object({ address: runAddress, device: oneOf('cpu', 'cuda') }),
  /** A finished run goes on for so many iterations more, from its end, on fixed masks. */
  'runs:extend': object({ address: runAddress, iterations }),
  /** `undo` of the answer brings it back, for a minute, by app:undo-delete. */
  'runs:delete': runAddress,
  'runs:annotate': object({
    address: runAddress,
    name: optional(text(200)),
    notes: optional(text(20_000)),
    tags: optional(array(text(50), 30)),
  }),
  /** What was asked for, to run it again with a change. */
  'runs:request': runAddress,
  'runs:history': runAddress,
  /** Columns of several runs for one chart, thinned to about so many points each. */
  'runs:series': object({ addresses, maxPoints: integer(10, 1_000_000) }),
  /** The last `limit` lines that match, of those before line `before`. `search` is text, in any case. */
  'runs:log': object({
    address: runAddress,
    search: optional(text(1000)),
    levels: optional(array(oneOf('info', 'warning', 'error'), 3)),
    before: optional(integer(0, Number.MAX_SAFE_INTEGER)),
    limit: integer(1, 100_000),
  }),
  /** Asks where to write; answers the file, or null where the dialog was cancelled. */
  'runs:metrics-csv': object({ addresses }),
  'runs:save-log': object({ address: runAddress }),
} satisfies Record<string, Schema<unknown>>

export interface RunResponses {
  'runs:list': RunList
  'runs:start': RunSummary
  'runs:pause': void
  'runs:stop': void
  'runs:resume': RunSummary
  'runs:move': void
  'runs:extend': RunSummary
  'runs:delete': { undo: string }
  'runs:annotate': RunSummary
  'runs:request': { request: RunRequest; model: RunModelSummary | null }
  'runs:history': RunHistory
  'runs:series': { series: RunColumns[]; unreadable: ErrorRecord[] }
  'runs:log': LogPage
  'runs:metrics-csv': string | null
  'runs:save-log': string | null
}

export interface RunEvents {
  /** Also of a run that is new, and of one that another process works on. */
  'runs:changed': RunSummary
  /** From the engine process, over its own port. */
  'engine:run-events': RunEventBatch
}
/** Those that main sends. */
export const runEvents = ['runs:changed'] as const

export interface RunList {
  runs: RunSummary[]
  /** Run folders that cannot be read, and why. */
  unreadable: ErrorRecord[]
}

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

/** `kept[layer][row]`: the fraction of the layer's parameters kept, 0..1, from the row's iteration on. */
export interface DensityColumns {
  layers: string[]
  iteration: Float64Array
  kept: Float64Array[]
}

export interface RunColumns {
  projectId: string
  runId: string
  iterations: IterationColumns
  tests: TestColumns
  densities: DensityColumns
}

export interface LogLine {
  timeMs: number
  level: LogLevel
  text: string
}

/** A line as the run's history numbers it, from 1, ascending. */
export interface NumberedLogLine extends LogLine {
  number: number
}

export interface LogPage {
  /** Ascending. */
  lines: NumberedLogLine[]
  /** Lines that match, in all. */
  total: number
  /** There are matching ones before the first of these. */
  more: boolean
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
  request: RunRequest
  /** null until the model has been opened and measured. */
  model: RunModelSummary | null
  iterations: IterationColumns
  tests: TestColumns
  densities: DensityColumns
  /** The generations of the last search, ascending. */
  searches: SearchRecord[]
  /** The last lines; runs:log has all. */
  log: NumberedLogLine[]
  progress: RunProgress | null
  /** Newest first. */
  checkpoints: CheckpointInfo[]
  checkpoint: { iteration: number } | null
  /** The nets a compression in cycles has kept, from the largest to the smallest. */
  front: FrontRecord[]
  exported: ExportResult | null
  error: ErrorRecord | null
  /** Why the history cannot be read; the columns are empty then. */
  problem: ErrorRecord | null
}

/** A batch of a run's events, from the engine process. */
export interface RunEventBatch {
  projectId: string
  runId: string
  events: RunEvent[]
}
