// What a project is, in plain JSON: the record on disk, and what is told about a model folder. Shared with the window
// through preload/contract.

import type { ErrorRecord } from '../net/errors'
import type { OlmpSettings } from '../olmp/settings'
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
}

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
  /** Settings by the general rule for such a net; null where it cannot be compressed. */
  suggested: OlmpSettings | null
}

export interface Project {
  formatVersion: 1
  id: string
  name: string
  /** ISO 8601 */
  created: string
  report: ModelReport
  /** On the whole test set, 0..1; known once a run has measured it. */
  referenceAccuracy: number | null
}

export interface RunSummary {
  id: string
  projectId: string
  state: RunState
  /** ISO 8601 */
  started: string
  ended: string | null
  iterations: number
  seed: number
  searchMode: OlmpSettings['searchMode']
  delta: number
  result: RunResult | null
  error: ErrorRecord | null
}

export interface ProjectListItem {
  id: string
  name: string
  created: string
  folder: string
  parameters: number
  referenceAccuracy: number | null
  runs: number
  /** The run with the highest compression among the finished. */
  best: { compression: number; accuracy: number } | null
}

/** An exported ONNX file and what its verification found. */
export type { ExportReport as ExportResult } from '../runs/exportRun'
