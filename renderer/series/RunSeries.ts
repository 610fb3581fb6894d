// A run's numbers as columns, filled from its history and then from the live records.

import type {
  DensityColumns,
  DensityRecord,
  IterationColumns,
  IterationRecord,
  TestColumns,
  TestRecord,
} from '../../preload/contract'
import { GrowingColumn } from './GrowingColumn'

const iterationFields = ['iteration', 'loss', 'accuracy', 'learningRate', 'compression'] as const
const testFields = ['iteration', 'loss', 'accuracy', 'compression'] as const

type Columns<F extends string> = Record<F, GrowingColumn>

function columns<F extends string>(fields: readonly F[]): Columns<F> {
  return Object.fromEntries(fields.map((field) => [field, new GrowingColumn()])) as Columns<F>
}

export interface DensitySeries {
  /** In the order of the run's prunable layers; empty where they are not known yet. */
  layers: string[]
  iteration: GrowingColumn
  kept: GrowingColumn[]
}

export class RunSeries {
  readonly iterations = columns(iterationFields)
  readonly tests = columns(testFields)
  readonly densities: DensitySeries = { layers: [], iteration: new GrowingColumn(), kept: [] }

  load(iterations: IterationColumns, tests: TestColumns, densities?: DensityColumns): void {
    for (const field of iterationFields) this.iterations[field].append(iterations[field])
    for (const field of testFields) this.tests[field].append(tests[field])
    if (densities === undefined) return
    this.densities.layers = densities.layers
    this.densities.iteration.append(densities.iteration)
    this.densities.kept = densities.kept.map((values) => {
      const column = new GrowingColumn()
      column.append(values)
      return column
    })
  }

  /** Records already there (the history and the live ones overlap) are passed over. */
  addIterations(records: IterationRecord[]): void {
    for (const record of records) {
      if (record.iteration <= this.iterations.iteration.last) continue
      for (const field of iterationFields) this.iterations[field].push(numberOrNaN(record[field]))
    }
  }

  addTest(record: TestRecord): void {
    if (record.iteration <= this.tests.iteration.last) return
    for (const field of testFields) this.tests[field].push(numberOrNaN(record[field]))
  }

  addDensities(records: DensityRecord[]): void {
    const { densities } = this
    for (const { iteration, kept } of records) {
      if (iteration <= densities.iteration.last) continue
      if (densities.kept.length === 0) densities.kept = kept.map(() => new GrowingColumn())
      if (kept.length !== densities.kept.length) continue
      densities.iteration.push(iteration)
      kept.forEach((value, layer) => densities.kept[layer].push(value))
    }
  }

  /** Of the columns, grown or not. */
  get bytes(): number {
    const { iterations, tests, densities } = this
    const all = [
      ...Object.values(iterations),
      ...Object.values(tests),
      densities.iteration,
      ...densities.kept,
    ]
    return all.reduce((sum, column) => sum + column.bytes, 0)
  }
}

/** JSON has no NaN: it arrives as null. */
function numberOrNaN(value: number | null): number {
  return value ?? NaN
}
