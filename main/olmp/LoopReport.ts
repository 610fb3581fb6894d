// What the loop says while it runs: its records, and Caffe's and the authors' lines.

import type { RunEvent, SearchRecord } from '../runs/types'
import { compressionLine, testLines, trainLines, type NetOutput } from './logLines'
import { iterationRecords, testRecord, type TestFacts } from './records'
import type { PrunedLayer } from './schedule'
import type { OlmpSettings } from './settings'

export interface ReportedNet extends TestFacts {
  trainOutputs: NetOutput[]
  testOutputs: NetOutput[]
  trainAccuracy: number
}

const PHASE_TEXTS = {
  pruning: 'Searching rates, pruning and training',
  retraining: 'Retraining on fixed masks',
}

export class LoopReport {
  private lastPhase: keyof typeof PHASE_TEXTS | null = null
  private searches: SearchRecord[] = []
  private searchesSent = performance.now()

  /** Generations of a search are sent together, every `batchMs`. */
  constructor(
    private readonly net: ReportedNet,
    private readonly settings: OlmpSettings,
    private readonly batchMs: number,
    private readonly onEvent: (event: RunEvent) => void,
  ) {}

  phase(phase: keyof typeof PHASE_TEXTS, iteration: number): void {
    if (phase === this.lastPhase) return
    this.lastPhase = phase
    const iterations = this.settings.iterations + 1
    this.onEvent({ kind: 'phase', phase, text: PHASE_TEXTS[phase], iteration, iterations })
  }

  /** `rows` as in TrainResult, of the iterations from `first` on. */
  trained(first: number, rows: Float64Array, compression: number): void {
    const { trainOutputs, trainAccuracy } = this.net
    const records = iterationRecords(rows, trainOutputs.length, trainAccuracy, first, compression)
    if (records.length > 0) this.onEvent({ kind: 'iterations', records })
    const { displayInterval } = this.settings
    const width = trainOutputs.length + 2
    for (const [i, { iteration, loss, learningRate }] of records.entries()) {
      if (displayInterval === 0 || iteration % displayInterval !== 0) continue
      this.log(...trainLines(iteration, loss, trainOutputs, rows.subarray(i * width), learningRate))
    }
  }

  /** `outputs` of the train net on the batch loaded. */
  batchAccuracy(outputs: Float64Array, compression: number): void {
    const { trainAccuracy } = this.net
    this.log(compressionLine(compression, trainAccuracy < 0 ? Number.NaN : outputs[trainAccuracy]))
  }

  tested(iteration: number, values: Float64Array, compression: number): void {
    this.log(...testLines(iteration, this.net.testOutputs, values))
    this.onEvent({ kind: 'test', record: testRecord(iteration, this.net, values, compression) })
  }

  searched(record: SearchRecord): void {
    this.searches.push(record)
    if (performance.now() - this.searchesSent >= this.batchMs) this.flushSearch()
  }

  flushSearch(): void {
    if (this.searches.length > 0) this.onEvent({ kind: 'search', records: this.searches })
    this.searches = []
    this.searchesSent = performance.now()
  }

  ratesFound(iteration: number, layers: PrunedLayer[], rates: number[]): void {
    const named = layers.map(({ name, index }) => `${name} ${rates[index].toFixed(4)}`)
    this.log(`Iteration ${iteration}, rates: ${named.join(', ')}`)
  }

  private log(...lines: string[]): void {
    for (const text of lines) this.onEvent({ kind: 'log', timeMs: Date.now(), level: 'info', text })
  }
}
