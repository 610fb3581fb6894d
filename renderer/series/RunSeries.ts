// A run's numbers as columns, filled from its history and then from the live records.

import type { IterationColumns, IterationRecord, TestColumns, TestRecord } from '../../preload/contract'
import { GrowingColumn } from './GrowingColumn'

const iterationFields = ['iteration', 'loss', 'accuracy', 'learningRate', 'compression'] as const
const testFields = ['iteration', 'loss', 'accuracy', 'compression'] as const

type Columns<F extends string> = Record<F, GrowingColumn>

function columns<F extends string>(fields: readonly F[]): Columns<F> {
  return Object.fromEntries(fields.map((field) => [field, new GrowingColumn()])) as Columns<F>
}

export class RunSeries {
  readonly iterations = columns(iterationFields)
  readonly tests = columns(testFields)

  load(iterations: IterationColumns, tests: TestColumns): void {
    for (const field of iterationFields) this.iterations[field].append(iterations[field])
    for (const field of testFields) this.tests[field].append(tests[field])
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
}

/** JSON has no NaN: it arrives as null. */
function numberOrNaN(value: number | null): number {
  return value ?? NaN
}
