// What main and the engine process say to each other. Requests are answered once, by their number; run events come on
// their own, to main and over every attached port to the window.

import type { SystemInfo } from './binding'
import type { RunCostsRequest } from './jobs/runCosts'
import type { ErrorRecord } from '../net/errors'
import type { Phase } from '../net/graph'
import type { ClassAccuracy, Thumbnail, TryAnswer, TryImage, TryNet } from '../onnx/tryTypes'
import type {
  ExportFacts,
  ExportFormat,
  Latency,
  ModelOrigin,
  ModelProgress,
  Verification,
} from '../runs/models'
import type { ModelSource, RunEvent, RunResult } from '../runs/types'
import type { RunCosts } from '../projects/estimate'
import type { LayerWeights, NetPhase, Sensitivity, SensitivityProgress, ShownNet } from '../projects/netTypes'
import type {
  ClassBalance,
  DataPreview,
  ImagePrediction,
  ModelReport,
  ReferenceMeasurement,
} from '../projects/types'

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
  /** Images of an LMDB, for the eye. */
  dataPreview: { request: { dataset: string; start: number; count: number }; response: DataPreview }
  /** What the stored model says of images of a phase's data. */
  predictImages: {
    request: { source: ModelSource; phase: Phase; start: number; count: number }
    response: ImagePrediction[]
  }
  /** Progress as a fraction. */
  classBalance: { request: { dataset: string }; response: ClassBalance; progress: number }
  /** The stored model on the whole test set; progress as a fraction. */
  referenceAccuracy: { request: { source: ModelSource }; response: ReferenceMeasurement; progress: number }
  /** A short measurement of the parts of a run. */
  runCosts: { request: RunCostsRequest; response: RunCosts }
  /** Starts or resumes the run in the folder; answered when it ends. */
  run: { request: RunAddress; response: RunOutcome }
  /** Ends the running run at its next boundary, after a checkpoint; `state` is what it is called then. */
  stopRun: { request: { state: 'paused' | 'stopped' }; response: void }
  /** Writes and verifies a model; the file is there only when that succeeded. */
  exportModel: { request: ExportRequest; response: ExportFacts; progress: ModelProgress }
  /** The verification of an exported file, once more. */
  verifyModel: { request: ExportRequest; response: Verification; progress: ModelProgress }
  measureLatency: { request: { file: string; net: TryNet }; response: Latency; progress: ModelProgress }
  tryNet: { request: { source: ModelSource }; response: TryNet }
  testImage: { request: { net: TryNet; index: number }; response: TryImage }
  thumbnails: { request: { net: TryNet; indices: number[] }; response: Thumbnail[] }
  predict: { request: PredictRequest; response: TryAnswer }
  /** Both models over the whole test set. */
  classAccuracy: {
    request: { net: TryNet; original: string; pruned: string }
    response: ClassAccuracy
    progress: ModelProgress
  }
  /** A phase of the net; the first there is where none is named. */
  netGraph: { request: { source: ModelSource; phase?: NetPhase }; response: ShownNet }
  /** Of the reference model, or of a run's checkpoint, the newest where none is named. */
  layerWeights: {
    request: {
      source: ModelSource
      layer: string
      run?: { runFolder: string; checkpoint?: string }
      /** Of the reference model: a crate to look ahead with. */
      rate?: number
    }
    response: LayerWeights
  }
  /** On at least so many of the test images. */
  sensitivity: {
    request: { source: ModelSource; images: number; threads: number }
    response: Pick<Sensitivity, 'images' | 'testImages' | 'referenceAccuracy' | 'layers'>
    progress: SensitivityProgress
  }
  /** Lets a running run write its checkpoint; the process is ended after the answer. */
  shutDown: { request: undefined; response: void }
}

export interface ExportRequest {
  origin: ModelOrigin
  format: ExportFormat
  file: string
}

export interface PredictRequest {
  net: TryNet
  /** (C, H, W), 0..255, colour as BGR */
  pixels: Float32Array
  original: string
  pruned: string | null
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
