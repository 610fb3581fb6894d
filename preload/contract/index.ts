// Everything that crosses between the window and the app: requests (checked here, answered in main/ipc/handlers), events,
// and the run events that come straight from the engine process. One file per group.

import type { Infer, Schema } from '../schema'
import { appEvents, type AppEvents, appRequests, type AppResponses } from './app'
import type { Result } from './common'
import { compressEvents, type CompressEvents, compressRequests, type CompressResponses } from './compress'
import { dataEvents, type DataEvents, dataRequests, type DataResponses } from './data'
import { modelEvents, type ModelEvents, modelRequests, type ModelResponses } from './models'
import { netEvents, type NetEvents, netRequests, type NetResponses } from './net'
import { projectEvents, type ProjectEvents, projectRequests, type ProjectResponses } from './projects'
import { queueEvents, type QueueEvents, queueRequests, type QueueResponses } from './queue'
import { reportRequests, type ReportResponses } from './report'
import { runEvents, type RunEvents, runRequests, type RunResponses } from './runs'
import { tryRequests, type TryResponses } from './try'

export { describeError, type ErrorRecord } from '../../main/net/errors'
// The window tells what a choice of length will mean by the rule that main applies.
export { ofLength, pruneCycles } from '../../main/olmp/presets'
export { standardError, validationImages } from '../../main/olmp/heldOut'
export { augmentable, cycleRule, type CycleFacts } from '../../main/olmp/cycleRule'
export { isCycles, plannedIterations } from '../../main/olmp/runSettings'
export { NUMBER_RULES, settingProblems } from '../../main/olmp/settings'
export { estimateCycles, estimateRun } from '../../main/projects/estimate'
export type * from '../../main/onnx/tryTypes'
export type * from '../../main/olmp/cycleSettings'
export type { RunSettings } from '../../main/olmp/runSettings'
export type * from '../../main/projects/modelTypes'
export type * from '../../main/projects/types'
export type * from '../../main/runs/models'
export type * from '../../main/runs/types'
export type * from './app'
export type * from './common'
export type * from './compress'
export type {
  OlmpSettings,
  NumberField,
  NumberRule,
  SearchMode,
  SettingFault,
  SettingProblem,
} from '../../main/olmp/settings'
export type * from '../../main/projects/estimate'
export type * from './data'
export type * from './models'
export type * from './net'
export type * from './projects'
export type * from './queue'
export type { RunModelSummary } from '../../main/runs/RunFolder'
export type * from './report'
export type * from './runs'
export type * from './try'

/** The requests: what each carries. */
export const requestSchemas = {
  ...appRequests,
  ...projectRequests,
  ...dataRequests,
  ...compressRequests,
  ...runRequests,
  ...queueRequests,
  ...reportRequests,
  ...modelRequests,
  ...netRequests,
  ...tryRequests,
} satisfies Record<string, Schema<unknown>>

/** What each answers. */
export interface Responses
  extends
    AppResponses,
    ProjectResponses,
    DataResponses,
    CompressResponses,
    RunResponses,
    QueueResponses,
    ReportResponses,
    ModelResponses,
    NetResponses,
    TryResponses {}

export type Channel = keyof typeof requestSchemas
export type RequestOf<C extends Channel> = Infer<(typeof requestSchemas)[C]>
export type ResponseOf<C extends Channel> = Responses[C]
export const channels = Object.keys(requestSchemas) as Channel[]

/** Answers to the requests of one group. */
export type HandlersOf<R extends Record<string, Schema<unknown>>> = {
  [C in keyof R & Channel]: (request: RequestOf<C>) => Promise<ResponseOf<C>>
}

export interface Events
  extends
    AppEvents,
    ProjectEvents,
    DataEvents,
    CompressEvents,
    RunEvents,
    QueueEvents,
    ModelEvents,
    NetEvents {}

/** Events sent by main; run events come over the port instead. */
export const mainEvents = [
  ...appEvents,
  ...projectEvents,
  ...dataEvents,
  ...compressEvents,
  ...runEvents,
  ...queueEvents,
  ...modelEvents,
  ...netEvents,
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
  /** Where a file or folder dropped on the window lies; '' for one that is on no disk. */
  pathOfFile(file: File): string
}
