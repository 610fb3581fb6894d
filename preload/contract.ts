// Everything that crosses between the window and the app: requests (checked here, answered in main/ipc), events, and
// the run events that come straight from the engine process.

import type { ErrorRecord } from '../main/net/errors'
import type { ExportResult, ModelReport, Project, ProjectListItem, RunSummary } from '../main/projects/types'
import type { LogLevel, ModelSource, RunEvent, RunPhase } from '../main/runs/types'
import {
  boolean,
  id,
  integer,
  type Infer,
  nothing,
  number,
  object,
  oneOf,
  optional,
  type Schema,
  string,
} from './schema'

export { describeError, type ErrorRecord } from '../main/net/errors'
// The window tells what a choice of length will mean by the rule that main applies.
export { ofLength } from '../main/olmp/presets'
export type * from '../main/projects/types'
export type {
  IterationRecord,
  LayerSparsity,
  LogLevel,
  ModelSource,
  RunEvent,
  RunPhase,
  RunResult,
  RunState,
  SearchRecord,
  TestRecord,
} from '../main/runs/types'

/** Lines of a file around the place of an error. */
export interface Excerpt {
  firstLine: number
  lines: string[]
}

export interface ShownError extends ErrorRecord {
  excerpt?: Excerpt
}

export type Result<T> = { ok: true; value: T } | { ok: false; error: ShownError }

const path = string()

const modelSource: Schema<ModelSource> = object({
  folder: path,
  net: optional(path),
  solver: optional(path),
  weights: optional(path),
  dataTrain: optional(path),
  dataTest: optional(path),
})

const runOfProject = object({ projectId: id, runId: id })

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

/** The requests: what each carries. */
export const requestSchemas = {
  'app:info': nothing,
  'dialog:choose-folder': object({ title: string(200) }),
  'model:inspect': modelSource,
  'projects:list': nothing,
  'projects:create': object({ name: optional(string(200)), source: modelSource }),
  'projects:open': object({ projectId: id }),
  'projects:remap': object({ projectId: id, dataTrain: path, dataTest: path }),
  'projects:delete': object({ projectId: id }),
  'runs:start': object({ projectId: id, choices: compressChoices }),
  'runs:pause': runOfProject,
  'runs:stop': runOfProject,
  'runs:resume': runOfProject,
  'runs:history': runOfProject,
  'runs:delete': runOfProject,
  'runs:export': object({ projectId: id, runId: id, compact: optional(boolean) }),
  'runs:reveal-export': runOfProject,
} satisfies Record<string, Schema<unknown>>

/** What each answers. */
export interface Responses {
  'app:info': AppInfo
  'dialog:choose-folder': string | null
  'model:inspect': ModelReport
  'projects:list': ProjectList
  'projects:create': Project
  'projects:open': ProjectDetails
  'projects:remap': Project
  'projects:delete': void
  'runs:start': RunSummary
  'runs:pause': void
  'runs:stop': void
  'runs:resume': RunSummary
  'runs:history': RunHistory
  'runs:delete': void
  'runs:export': ExportResult
  'runs:reveal-export': void
}

export type Channel = keyof typeof requestSchemas
export type RequestOf<C extends Channel> = Infer<(typeof requestSchemas)[C]>
export type ResponseOf<C extends Channel> = Responses[C]
export const channels = Object.keys(requestSchemas) as Channel[]

export interface AppInfo {
  version: string
  electron: string
  logicalCpus: number
  engine: EngineStatus
  projectsFolder: string
}

export type EngineStatus =
  { state: 'idle' | 'starting' | 'crashed' } | { state: 'running'; projectId: string; runId: string }

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

export interface Events {
  'engine:status': EngineStatus
  'runs:changed': RunSummary
  'projects:changed': void
  /** What the import under way is doing. */
  'model:progress': string
  'menu:command': MenuCommand
  'engine:run-events': RunEventBatch
}
export type MenuCommand = 'new-project' | 'show-projects'

/** Events sent by main; run events come over the port instead. */
export const mainEvents = [
  'engine:status',
  'runs:changed',
  'projects:changed',
  'model:progress',
  'menu:command',
] as const
export type MainEvent = (typeof mainEvents)[number]

/** The message that carries the port into the window's preload script. */
export const enginePortMessage = 'engine:port'

/** window.api */
export type Api = {
  [C in Channel]: (request: RequestOf<C>) => Promise<Result<ResponseOf<C>>>
} & {
  /** Calls back for every event of the name given; answers how to end that. */
  on<E extends keyof Events>(name: E, listener: (payload: Events[E]) => void): () => void
}
