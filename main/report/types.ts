// What a report and a table of metrics are made of, in plain JSON and typed arrays.

import type { ExportReport } from '../runs/exportRun'
import type { RunRecord } from '../runs/RunFolder'
import type { RunResult } from '../runs/types'

/** One value per record; NaN where a value is not known. */
export interface MetricColumns {
  iteration: Float64Array
  loss: Float64Array
  /** On the training batch, 0..1. */
  accuracy: Float64Array
  learningRate: Float64Array
  compression: Float64Array
}

/** On the whole test set. */
export interface TestColumns {
  iteration: Float64Array
  loss: Float64Array
  accuracy: Float64Array
  compression: Float64Array
}

/** `kept[layer][record]`: fraction of the layer's parameters kept, 0..1, from this iteration on. */
export interface DensityColumns {
  layers: string[]
  iteration: Float64Array
  kept: Float64Array[]
}

export interface RunMetrics {
  iterations: MetricColumns
  tests: TestColumns
  densities: DensityColumns
}

export interface ReportCheckpoint {
  name: string
  iteration: number
  bytes: number
  /** ISO 8601 */
  savedAt: string
  /** Of the last test before it, where there was one. */
  accuracy: number | null
  compression: number | null
}

export interface ReportData extends RunMetrics {
  /** The user's name for the run, else its id. */
  name: string
  notes: string
  projectName: string | null
  record: Readonly<RunRecord>
  result: RunResult | null
  checkpoints: ReportCheckpoint[]
  /** The last verified export, if there was one. */
  exported: ExportReport | null
  /** Of the program that writes the report. */
  version: string
  /** ISO 8601 */
  generated: string
}
