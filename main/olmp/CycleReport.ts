// What a compression in cycles says while it runs.

import type { KeptCounts } from '../engine/binding'
import type { FrontRecord, RunCycle, RunEvent, TestRecord } from '../runs/types'
import type { LoopNet } from './compress'
import type { SplitFound } from './layerSplit'
import { testLines, trainLines } from './logLines'
import { densitiesOf, iterationRecords, keptParameters, testRecord, totalParameters } from './records'

/** Caffe's lines of the training appear so often. */
const DISPLAY_INTERVAL = 100

const percent = (share: number): string => `${(100 * share).toFixed(2)}%`

export class CycleReport {
  private lastPhase = ''
  private iterations = 0

  constructor(
    private readonly net: LoopNet,
    private readonly onEvent: (event: RunEvent) => void,
  ) {}

  /** `planned`: iterations of the whole run, as far as can be told. */
  start(iteration: number, counts: KeptCounts[], planned: number, resumed: boolean): void {
    this.iterations = planned
    if (!resumed) this.densities(iteration, counts)
  }

  /** Of the given net on the validation images. */
  given(accuracy: number, images: number): void {
    const error = Math.sqrt((accuracy * (1 - accuracy)) / images)
    this.log(
      `The given net has ${percent(accuracy)} on the ${images} training images held out (standard error ` +
        `${percent(error)}); it may have been trained on them, which makes it look better than it is`,
    )
  }

  training(iteration: number, cycle: number, of: number): void {
    if (cycle === 0)
      this.phase('Fine-tuning the whole net', iteration, { number: 0, of, step: 'fine-tuning' })
    else this.phase(`Cycle ${cycle}: retraining`, iteration, { number: cycle, of, step: 'retraining' })
  }

  pruning(iteration: number, cycle: number, of: number, target: number): void {
    const text = `Cycle ${cycle}: pruning to ${target} parameters`
    this.phase(text, iteration, { number: cycle, of, step: 'scoring' })
  }

  pruned(iteration: number, counts: KeptCounts[], planned: number): void {
    this.iterations = planned
    this.densities(iteration, counts)
    const kept = keptParameters(counts)
    const layers = counts.map(({ keptWeights, keptBiases }) => keptWeights + keptBiases).join(', ')
    const compression = (totalParameters(counts) / kept).toFixed(1)
    this.log(`Iteration ${iteration}, ${kept} parameters kept (${compression}x), by layer: ${layers}`)
  }

  splitFound(iteration: number, { startLoss, loss }: SplitFound): void {
    this.log(
      `Iteration ${iteration}, spread over layers: loss on the sample ${startLoss.toFixed(4)} -> ${loss.toFixed(4)}`,
    )
  }

  /** `rows` as in TrainResult, of the iterations from `first` on. */
  trained(first: number, rows: Float64Array, compression: number): void {
    const { trainOutputs, trainAccuracy } = this.net
    const width = trainOutputs.length + 2
    const records = iterationRecords(rows, trainOutputs.length, trainAccuracy, first, compression)
    if (records.length > 0) this.onEvent({ kind: 'iterations', records })
    for (const [i, { iteration, loss, learningRate }] of records.entries()) {
      if (iteration % DISPLAY_INTERVAL !== 0) continue
      this.log(...trainLines(iteration, loss, trainOutputs, rows.subarray(i * width), learningRate))
    }
  }

  tested(iteration: number, values: Float64Array, compression: number): TestRecord {
    const record = testRecord(iteration, this.net, values, compression)
    this.log(...testLines(iteration, this.net.testOutputs, values))
    this.onEvent({ kind: 'test', record })
    return record
  }

  onFront(record: FrontRecord): void {
    const { compression, testAccuracy, validationAccuracy } = record
    const validation =
      validationAccuracy === null ? '' : `, validation accuracy ${percent(validationAccuracy)}`
    this.log(`Compression:${compression.toFixed(3)}, Accuracy:${testAccuracy}${validation}`)
    this.onEvent({ kind: 'front', record })
  }

  chosen(
    { compression, testAccuracy, validationAccuracy, cycle }: FrontRecord,
    reference: number | null,
  ): void {
    const validation =
      validationAccuracy === null || reference === null
        ? ''
        : `, validation accuracy ${percent(validationAccuracy)} against ${percent(reference)}`
    this.log(
      `Chosen: the net of cycle ${cycle}, ${compression.toFixed(1)}x, accuracy ${percent(testAccuracy)} on the test set${validation}`,
    )
  }

  private phase(text: string, iteration: number, cycle: RunCycle): void {
    if (text === this.lastPhase) return
    this.lastPhase = text
    const phase = cycle.step === 'scoring' ? 'pruning' : 'retraining'
    this.onEvent({ kind: 'phase', phase, text, iteration, iterations: this.iterations, cycle })
  }

  private densities(iteration: number, counts: KeptCounts[]): void {
    this.onEvent({ kind: 'densities', records: [{ iteration, kept: densitiesOf(counts) }] })
  }

  private log(...lines: string[]): void {
    for (const text of lines) this.onEvent({ kind: 'log', timeMs: Date.now(), level: 'info', text })
  }
}
