// What main and the engine process say to each other. Requests are answered once, by their number; run events come on
// their own, to main and over every attached port to the window.

import type { SystemInfo } from './binding'
import type { ErrorRecord } from '../net/errors'
import type { ModelSource, RunEvent, RunResult } from '../runs/types'
import type { ExportResult, ModelReport } from '../projects/types'

/** Folders the engine process works with, told once at its start. */
export interface EngineFolders {
  /** Converted datasets. */
  cache: string
  /** The app's own resources (samples, notices). */
  resources: string
  /** The user's data folder. */
  data: string
}

/** `progress` is what the method tells while it works; where it is not stated, a text. */
export interface EngineMethods {
  systemInfo: { request: undefined; response: SystemInfo }
  /** Makes the sample's Caffe folder if need be; answers its path. */
  ensureSample: { request: { sample: string }; response: string }
  inspectModel: { request: { source: ModelSource }; response: ModelReport }
  /** Starts or resumes the run in the folder; answered when it ends. */
  run: { request: RunAddress; response: RunOutcome }
  /** Ends the running run at its next boundary, after a checkpoint; `state` is what it is called then. */
  stopRun: { request: { state: 'paused' | 'stopped' }; response: void }
  exportRun: { request: { runFolder: string; file: string }; response: ExportResult }
  /** Lets a running run write its checkpoint; the process is ended after the answer. */
  shutDown: { request: undefined; response: void }
}

export interface RunAddress {
  projectId: string
  runId: string
  runFolder: string
}

/** `result` is null where the run was stopped before its end. */
export interface RunOutcome {
  result: RunResult | null
}

export type EngineMethod = keyof EngineMethods
export type EngineParams<M extends EngineMethod> = EngineMethods[M]['request']
export type EngineResponse<M extends EngineMethod> = EngineMethods[M]['response']
export type EngineProgress<M extends EngineMethod> = EngineMethods[M] extends { progress: infer P }
  ? P
  : string

export type EngineRequest<M extends EngineMethod = EngineMethod> = {
  [K in M]: { kind: 'request'; number: number; method: K; params: EngineParams<K> }
}[M]

/** 'attach' comes with a port: a window to which run events go. */
export type ToEngine = EngineRequest | { kind: 'cancel'; number: number } | { kind: 'attach' }

export type EngineAnswer =
  | { kind: 'answer'; number: number; ok: true; value: unknown }
  | { kind: 'answer'; number: number; ok: false; error: ErrorRecord }
  | { kind: 'progress'; number: number; progress: unknown }

export type FromEngine = EngineAnswer | RunEventMessage

export interface RunEventMessage {
  kind: 'run-events'
  projectId: string
  runId: string
  events: RunEvent[]
}
