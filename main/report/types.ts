// What a report and a table of metrics are made of, as the run's history gives it.

import type { DensityColumns, IterationColumns, RunHistory, TestColumns } from '../../preload/contract'

export interface RunMetrics {
  iterations: IterationColumns
  tests: TestColumns
  densities: DensityColumns
}

/** A run as it is told to the window, and by whom and when the report is written. */
export interface ReportData extends Pick<
  RunHistory,
  | 'summary'
  | 'request'
  | 'model'
  | 'iterations'
  | 'tests'
  | 'densities'
  | 'checkpoints'
  | 'exported'
  | 'error'
> {
  /** null for a run of the terminal command. */
  projectName: string | null
  /** Of the program that writes the report. */
  version: string
  /** ISO 8601 */
  generated: string
}
