// What a project is, in plain JSON: the record on disk, and what is told about a model folder. Shared with the window
// through preload/contract.

import type { ErrorRecord } from '../net/errors'
import type { CycleFacts } from '../olmp/cycleRule'
import type { CycleGoal } from '../olmp/cycleSettings'
import type { OlmpSettings } from '../olmp/settings'
import type { Transform } from '../net/graph'
import type { ModelSource, RunResult, RunState } from '../runs/types'

/** A file the import looked for: which it took, and what else it saw. */
export interface FileChoice {
  role: 'net' | 'deploy' | 'solver' | 'weights' | 'solverstate' | 'mean'
  chosen: string | null
  candidates: { file: string; reason: string }[]
}

export interface DatasetFact {
  phase: 'TRAIN' | 'TEST'
  layer: string
  /** As the prototxt says it. */
  statedSource: string
  /** The folder read, null where nothing is there yet. */
  resolved: string | null
  entries: number | null
  /** (C, H, W) */
  shape: number[] | null
  /** What is done to an image before the net sees it; null where it is not known (projects of format 1). */
  transform: Transform | null
  batchSize: number | null
}

export interface LayerFact {
  name: string
  type: string
  /** Of the first top. */
  outputShape: number[]
  parameters: number
  prunable: boolean
}

export interface ModelNote {
  level: 'info' | 'warning'
  message: string
  file?: string
  line?: number
  /** The lines around the place, while the folder is being looked at. */
  excerpt?: { firstLine: number; lines: string[] }
}

/** 'other': the sentence alone says it. */
export type ObstacleCode =
  'no-train-net' | 'no-test-net' | 'no-solver' | 'no-weights' | 'no-dataset' | 'no-loss' | 'other'

/** What was found in a model folder. */
export interface ModelReport {
  source: ModelSource
  name: string
  files: FileChoice[]
  data: DatasetFact[]
  notes: ModelNote[]
  layers: LayerFact[]
  parameters: number
  prunableParameters: number
  weightsBytes: number | null
  /** Why it cannot be compressed as it stands; null where it can. */
  obstacle: string | null
  /** The obstacle in one word, for the reader's own language. */
  obstacleCode: ObstacleCode | null
  /** Settings by the general rule for such a net; null where it cannot be compressed. */
  suggested: OlmpSettings | null
  /** What the rule of the recommended preset goes by; null where it cannot be compressed. */
  cycleFacts: CycleFacts | null
}

export interface Project {
  formatVersion: 2
  id: string
  name: string
  /** ISO 8601 */
  created: string
  /** ISO 8601; null for one never opened. */
  lastOpened: string | null
  report: ModelReport
  /** On the whole test set, 0..1; known once it has been measured, by itself or by a run. */
  referenceAccuracy: number | null
}

/** How far a run is, in solver iterations. */
export interface RunReach {
  iteration: number
  iterations: number
}

export interface RunSummary {
  id: string
  projectId: string
  projectName: string
  /** The user's, or ''. */
  name: string
  /** The user's, or ''. */
  notes: string
  tags: string[]
  state: RunState
  /** Another process than this app's works on it (the terminal command): it is left alone here. */
  elsewhere: boolean
  /** ISO 8601 */
  created: string
  /** ISO 8601; of its creation, where it has not begun. */
  started: string
  ended: string | null
  device: 'cpu' | 'cuda'
  threads: number
  iterations: number
  seed: number
  searchMode: OlmpSettings['searchMode'] | 'cycles'
  /** null where the run is not one of the published loop. */
  delta: number | null
  /** Of a compression in cycles. */
  goal: CycleGoal | null
  /** null where it has not begun. */
  progress: RunReach | null
  /** By the last test on the whole test set; null before the first in the loop. */
  latest: { iteration: number; accuracy: number; compression: number } | null
  /** The run whose settings it was made from. */
  parentRunId: string | null
  /** Of a finished run. */
  result: RunResult | null
  error: ErrorRecord | null
}

export interface ProjectListItem {
  id: string
  name: string
  created: string
  lastOpened: string | null
  folder: string
  /** The net's own name. */
  modelName: string
  sketch: SketchBlock[]
  parameters: number
  referenceAccuracy: number | null
  obstacleCode: ObstacleCode | null
  runs: number
  /** The finished run with the highest compression. */
  best: { runId: string; compression: number; accuracy: number } | null
  /** The run begun last. */
  lastRun: { runId: string; state: RunState; started: string; ended: string | null } | null
}

/** A layer as a block of a net's small picture. */
export interface SketchBlock {
  kind: 'data' | 'convolution' | 'pooling' | 'inner-product'
  name: string
  /** One item of the first top: (C, H, W) or (N). */
  shape: number[]
  parameters: number
}

/** An image of a dataset, made small enough for a picture of it. */
export interface PreviewImage {
  /** Position in the dataset, from 0. */
  index: number
  label: number
  width: number
  height: number
  /** RGBA, 8 bits each, row by row. */
  pixels: Uint8Array
}

/** The class a net holds most likely; its probability where the net gives one. */
export interface ImagePrediction {
  label: number
  probability: number | null
}

export interface DataPreview {
  /** Of the whole dataset. */
  entries: number
  /** (C, H, W) of the first datum. */
  shape: number[]
  images: PreviewImage[]
}

export interface ClassBalance {
  /** By label, ascending. */
  classes: { label: number; images: number }[]
  /** Images looked at; fewer than `entries` where the set is too large to read as a whole. */
  counted: number
  entries: number
}

export interface ReferenceMeasurement {
  /** On the whole test set, 0..1. */
  accuracy: number
  loss: number
  images: number
  /** Layers that have no stored weights, initialised by their fillers. */
  initialised: string[]
}

/** An exported ONNX file and what its verification found. */
export type { ExportReport as ExportResult } from '../runs/exportRun'
