// Metrics of runs as one CSV table (RFC 4180): a row per iteration, values on the whole test set where there was a test,
// a column per layer for the fraction kept where masks changed.

import type { RunMetrics } from './types'

export interface CsvRun extends RunMetrics {
  project: string
  run: string
  /** The user's, may be empty. */
  name: string
  seed: number
}

const fixedColumns = [
  'project',
  'run',
  'name',
  'seed',
  'iteration',
  'loss',
  'batch_accuracy',
  'learning_rate',
  'compression',
  'test_loss',
  'test_accuracy',
]

/** The lines of the file, each with its end. One at a time: a long run has 100,000. */
export function* metricsCsv(runs: CsvRun[]): Generator<string> {
  const layers = [...new Set(runs.flatMap((run) => run.densities.layers))]
  yield row([...fixedColumns, ...layers.map((layer) => `kept_${layer}`)])
  for (const run of runs) yield* rowsOf(run, layers)
}

function* rowsOf(run: CsvRun, layers: string[]): Generator<string> {
  const { iterations, tests, densities } = run
  const head = [run.project, run.run, run.name, String(run.seed)]
  const columns = layers.map((layer) => densities.kept[densities.layers.indexOf(layer)])
  const cursors = [
    new Cursor(iterations.iteration),
    new Cursor(tests.iteration),
    new Cursor(densities.iteration),
  ]
  for (;;) {
    const iteration = Math.min(...cursors.map(({ next }) => next))
    if (iteration === Infinity) return
    const [at, tested, masked] = cursors.map((cursor) => cursor.take(iteration))
    yield row([
      ...head,
      String(iteration),
      value(iterations.loss, at),
      value(iterations.accuracy, at),
      value(iterations.learningRate, at),
      at === null ? value(tests.compression, tested) : value(iterations.compression, at),
      value(tests.loss, tested),
      value(tests.accuracy, tested),
      ...columns.map((column) => (column === undefined ? '' : value(column, masked))),
    ])
  }
}

/** Walks a column of ascending iterations. */
class Cursor {
  private position = 0

  constructor(private readonly iterations: Float64Array) {}

  get next(): number {
    return this.position < this.iterations.length ? this.iterations[this.position] : Infinity
  }

  /** The last record of this iteration, null where it has none. */
  take(iteration: number): number | null {
    if (this.next !== iteration) return null
    while (this.next === iteration) this.position++
    return this.position - 1
  }
}

/** Shortest text that reads back as the same number; empty where there is none. */
function value(column: Float64Array, index: number | null): string {
  return index === null || !Number.isFinite(column[index]) ? '' : String(column[index])
}

function row(cells: string[]): string {
  return `${cells.map(quoted).join(',')}\n`
}

function quoted(cell: string): string {
  return /[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell
}
