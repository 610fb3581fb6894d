// What a run is, in plain JSON: its settings, what it says while it runs, and its result. Shared by the engine process,
// the terminal command and (through preload/contract) the window.

import type { ErrorRecord } from '../net/errors'
import type { Reference } from '../olmp/cycleSettings'
import type { RunSettings } from '../olmp/runSettings'

/** Where the model and its data come from. Paths are absolute. */
export interface ModelSource {
  folder: string
  /** Files chosen; where absent the importer chooses by content. */
  net?: string
  solver?: string
  weights?: string
  /** LMDB or LevelDB folder, or the word `mnist`. Absent: as the prototxt says. */
  dataTrain?: string
  dataTest?: string
}

export interface RunRequest {
  source: ModelSource
  settings: RunSettings
  device: 'cpu' | 'cuda'
  /** On CUDA: products and convolutions may round their operands to TF32. */
  tf32?: boolean
  threads: number
  /** A checkpoint every so many iterations; the last `keepCheckpoints` are kept. */
  checkpointIntervalIterations: number
  keepCheckpoints: number
  /** The run, of the same project, whose settings this one was made from. */
  parentRunId?: string
}

export interface IterationRecord {
  iteration: number
  loss: number
  /** Accuracy on the training batch; NaN (null in JSON) where the net has none. */
  accuracy: number
  learningRate: number
  /** Total parameters of the prunable layers over those kept. */
  compression: number
}

export interface TestRecord {
  iteration: number
  accuracy: number
  loss: number
  compression: number
  images: number
}

/** One NCS generation, as points of the accuracy / size plane. */
export interface SearchRecord {
  iteration: number
  generation: number
  /** One per candidate: fraction of parameters kept, accuracy on the batch (NaN where it was given up, because it could not win
   *  or not come to the accuracy asked for), feasible or not. */
  kept: number[]
  accuracy: number[]
  feasible: boolean[]
  bestKept: number
}

/** What each prunable layer keeps, told whenever masks have changed. */
export interface DensityRecord {
  iteration: number
  /** Weights and biases kept over all, 0..1, in the order of the run's prunable layers. */
  kept: number[]
}

/** A net that a compression in cycles passed: the end of one of its cycles. Its weights are kept (see front.ts). */
export interface FrontRecord {
  iteration: number
  /** 0: the whole net, before the first. */
  cycle: number
  /** Parameters of the prunable layers kept. */
  kept: number
  compression: number
  /** On the whole test set, 0..1: reported, never chosen by. */
  testAccuracy: number
  /** Of training, search and tests until here. */
  seconds: number
  /** On the validation images; null where all training images are trained on. */
  validationAccuracy: number | null
}

export type LogLevel = 'info' | 'warning' | 'error'

export type RunPhase = 'preparing' | 'reference' | 'pruning' | 'retraining' | 'finished'

/** A cycle of the pruning phase: a search for rates, and training until the next. Or one of a compression in cycles:
 *  parameters are scored and chosen, then the rest is retrained; 'fine-tuning' comes before the first, and 'comparing',
 *  which trains what a goal of accuracy compares with. */
export interface RunCycle {
  /** From 1; 0: before the first. */
  number: number
  of: number
  step: 'searching' | 'training' | 'fine-tuning' | 'comparing' | 'scoring' | 'retraining'
}

export type RunEvent =
  | {
      kind: 'phase'
      phase: RunPhase
      text: string
      iteration: number
      iterations: number
      /** While pruning. */
      cycle?: RunCycle
    }
  | { kind: 'iterations'; records: IterationRecord[] }
  | { kind: 'test'; record: TestRecord }
  | { kind: 'search'; records: SearchRecord[] }
  | { kind: 'densities'; records: DensityRecord[] }
  | { kind: 'front'; record: FrontRecord }
  | { kind: 'log'; timeMs: number; level: LogLevel; text: string }
  | { kind: 'checkpoint'; iteration: number; folder: string; bytes: number }
  | { kind: 'result'; result: RunResult }
  | { kind: 'error'; error: ErrorRecord }

export type RunState = 'queued' | 'running' | 'paused' | 'stopped' | 'failed' | 'finished'

export interface LayerSparsity {
  name: string
  weights: number
  keptWeights: number
  biases: number
  keptBiases: number
}

export interface Sparsity {
  total: number
  kept: number
  /** total / kept, biases counted. */
  compression: number
  compressionWeightsOnly: number
  layers: LayerSparsity[]
}

/** How the net of a compression in cycles with a goal of accuracy was judged, on training images held out. */
export interface ValidationResult {
  accuracy: number
  referenceAccuracy: number
  images: number
  /** Allowed below the reference; results of older versions lack this and the next. */
  loss?: number
  /** Whose accuracy it was compared with in the end. */
  against?: Reference
}

export interface RunResult {
  runDir: string
  compression: number
  /** On the whole test set, 0..1. */
  accuracy: number
  referenceAccuracy: number
  seed: number
  iterations: number
  sparsity: Sparsity
  seconds: { total: number; train: number; search: number; test: number; other: number }
  /** The most memory the process that computed held since it began; results of older versions lack it. */
  peakResidentBytes?: number
  /** Processor time of the process over all threads, from the run's beginning; absent in runs of earlier versions. */
  cpuSeconds?: number
  /** Where products and convolutions were allowed to round their operands to TF32. */
  tf32?: true
  validation?: ValidationResult
}
