// What the loop says while it runs: its records, and Caffe's and the authors' lines.

import type { KeptCounts } from '../engine/binding'
import type { RunCycle, RunEvent, RunPhase, SearchRecord } from '../runs/types'
import { compressionLine, testLines, trainLines, type NetOutput } from './logLines'
import { densitiesOf, iterationRecords, testRecord, type TestFacts } from './records'
import type { PrunedLayer } from './schedule'
import type { OlmpSettings } from './settings'

export interface ReportedNet extends TestFacts {
  trainOutputs: NetOutput[]
  testOutputs: NetOutput[]
  trainAccuracy: number
}

type LoopStep = Extract<RunCycle['step'], 'searching' | 'training'>

const STEP_TEXTS: Record<LoopStep, string> = {
  searching: 'searching layer thresholds',
  training: 'pruning and training',
}

/** Densities are told about so often in a run at most, however long it is. */
const DENSITY_RECORDS = 1000

export class LoopReport {
  private lastPhase = ''
  private lastKept: number[] = []
  private lastDensities = 0
  private searches: SearchRecord[] = []
  private searchesSent = performance.now()

  /** Generations of a search are sent together, every `batchMs`. */
  constructor(
    private readonly net: ReportedNet,
    private readonly settings: OlmpSettings,
    private readonly batchMs: number,
    private readonly onEvent: (event: RunEvent) => void,
  ) {}

  /** Pruning, a step of a cycle. */
  cycle(cycle: RunCycle & { step: LoopStep }, iteration: number): void {
    const text = `Cycle ${cycle.number} of ${cycle.of}: ${STEP_TEXTS[cycle.step]}`
    this.phase({ phase: 'pruning', text, iteration, cycle })
  }

  retraining(iteration: number): void {
    this.phase({ phase: 'retraining', text: 'Retraining on fixed masks', iteration })
  }

  private phase(told: { phase: RunPhase; text: string; iteration: number; cycle?: RunCycle }): void {
    if (told.text === this.lastPhase) return
    this.lastPhase = told.text
    this.onEvent({ kind: 'phase', ...told, iterations: this.settings.iterations + 1 })
  }

  /** From where the run stands; told as a record unless it has been before (a resumed run). */
  startDensities(iteration: number, counts: KeptCounts[], resumed: boolean): void {
    if (!resumed) this.tellDensities(iteration, densitiesOf(counts))
    this.lastKept = densitiesOf(counts)
    this.lastDensities = iteration
  }

  /** `final`: where the masks stay as they are from now on. */
  densities(iteration: number, counts: KeptCounts[], final: boolean): void {
    const due = iteration - this.lastDensities >= this.settings.iterations / DENSITY_RECORDS
    if (!due && !final) return
    const kept = densitiesOf(counts)
    if (kept.every((value, layer) => value === this.lastKept[layer])) return
    this.tellDensities(iteration, kept)
  }

  private tellDensities(iteration: number, kept: number[]): void {
    this.lastKept = kept
    this.lastDensities = iteration
    this.onEvent({ kind: 'densities', records: [{ iteration, kept }] })
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
