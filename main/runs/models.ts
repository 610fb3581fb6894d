// What there is of a run beside its records, in plain JSON: its checkpoints, and the models exported from them. Shared with
// the window through preload/contract.

import type { Times } from '../onnx/latency'
import type { VerificationReport } from '../onnx/verify'
import type { ModelSource, Sparsity } from './types'

export interface CheckpointInfo {
  /** Of its folder. */
  name: string
  /** Solver iteration. */
  iteration: number
  /** Of the search it was written in; null outside a search. */
  generation: number | null
  bytes: number
  /** ISO 8601 */
  savedAt: string
  /** On the whole test set, by the last test before the checkpoint; null where there was none. */
  accuracy: number | null
  /** The iteration of that test. */
  accuracyIteration: number | null
  /** Total parameters of the prunable layers over those kept. */
  compression: number | null
  /** Chosen as the run's model, and never deleted to make room. */
  promoted: boolean
}

/** 'sparse' is a way to store weights; a 'compact' net is without the channels that nothing reads; 'caffemodel' has masks
 *  (the authors' format), 'caffemodel-plain' zeros where pruned. */
export type ExportFormat = OnnxFormat | 'caffemodel' | 'caffemodel-plain'
export type OnnxFormat = 'onnx' | 'onnx-sparse' | 'onnx-compact' | 'onnx-compact-sparse'

/** What was done to trust a file, and what it found. */
export type Verification =
  /** Engine and onnxruntime over the whole test set. */
  | ({ kind: 'onnxruntime' } & Omit<VerificationReport, 'bytes' | 'gzipBytes'>)
  /** The file read back: every value and mask equal, bit for bit, to the engine's. */
  | { kind: 'read-back'; values: number; masks: number; accuracyEngine: number; images: number }

/** Of onnxruntime on one image, on one thread. */
export interface Latency extends Times {
  /** Other work was done by the engine at the same time. */
  besideRun: boolean
  /** ISO 8601 */
  measuredAt: string
}

/** An ONNX file, and what a runtime that computes every weight makes of it. */
export interface ModelFigures {
  bytes: number
  /** gzip level 9 */
  gzipBytes: number
  /** Stored, zeros included. */
  parameters: number
  nonzero: number
  /** For one item, zeros included. */
  flops: number
  latency: Times
}

/** Of a compact export: the net it started from, the pruned net of that shape, and the compact one. */
export interface SideBySide {
  original: ModelFigures
  masked: ModelFigures
  compact: ModelFigures
}

/** An exported model, as its record beside the file tells it. */
export interface ExportedModel {
  formatVersion: 1
  id: string
  format: ExportFormat
  /** Absolute. */
  file: string
  /** In the run's own folder; else where the user put it. */
  ownFile: boolean
  /** ISO 8601 */
  created: string
  /** Name and iteration of the checkpoint it came from; null for a reference model. */
  checkpoint: { name: string; iteration: number } | null
  /** Of the net in the file: an ONNX file has no auxiliary classifiers. */
  sparsity: Sparsity
  bytes: number
  /** gzip level 9 */
  gzipBytes: number
  /** Size of the caffemodel it started from. */
  referenceBytes: number
  /** Of ONNX; null for other formats. */
  opset: number | null
  verification: Verification
  /** ISO 8601 */
  verifiedAt: string
  latency: Latency | null
  /** Of a compact model. */
  sideBySide?: SideBySide
}

/** The model a project starts from: its caffemodel, and that as ONNX. */
export interface ReferenceModel extends ExportedModel {
  caffemodel: { file: string; bytes: number; gzipBytes: number }
}

/** What long work on a model is doing. */
export interface ModelProgress {
  stage: 'opening' | 'writing' | 'comparing' | 'reading-back' | 'measuring' | 'classifying'
  done: number
  /** 0 where it is not known */
  total: number
}

/** Where a model's weights are: in a checkpoint of a run (absent: the promoted one, or else the newest whole one), on the
 *  front of a compression in cycles, or in the model folder. */
export type ModelOrigin =
  | { kind: 'checkpoint'; runFolder: string; checkpoint?: string }
  | { kind: 'front'; runFolder: string; iteration: number }
  | { kind: 'reference'; source: ModelSource }

/** What an export found. */
export interface ExportFacts {
  checkpoint: { name: string; iteration: number } | null
  /** Of the net in the file: an ONNX file has no auxiliary classifiers. */
  sparsity: Sparsity
  bytes: number
  gzipBytes: number
  opset: number | null
  verification: Verification
  /** The stored weights that the run, or the project, started from. */
  caffemodel: { file: string; bytes: number }
  /** Of a compact model. */
  sideBySide?: SideBySide
}
