// What a compression in cycles says while it runs.

import type { KeptCounts } from '../engine/binding'
import type { FrontRecord, RunCycle, RunEvent, TestRecord } from '../runs/types'
import type { LoopNet } from './compress'
import { iterationsOf, plannedCycles } from './cycleSchedule'
import type { CycleSettings, Reference } from './cycleSettings'
import { standardError } from './heldOut'
import type { SplitFound } from './layerSplit'
import { testLines, trainLines } from './logLines'
import { densitiesOf, iterationRecords, keptParameters, testRecord, totalParameters } from './records'

/** Caffe's lines of the training appear so often. */
const DISPLAY_INTERVAL = 100

const points = (share: number): string => (100 * share).toFixed(2)
const percent = (share: number): string => `${points(share)}%`
const noise = (accuracy: number, images: number): string =>
  ` (standard error ${points(standardError(accuracy, images))} points)`

/** A cycle among all there will have been. */
export interface CyclePlace {
  cycle: number
  of: number
}

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

  goal(settings: CycleSettings, counts: KeptCounts[], images: number): void {
    const { goal, fineTune } = settings
    const total = totalParameters(counts)
    if (goal.kind === 'size') {
      const sizes = goal.kept.map((kept) => `${kept} (${(total / kept).toFixed(1)}x)`).join(', ')
      const cycles = plannedCycles(settings, total, total)
      const iterations = cycles.reduce(
        (sum, step) => sum + iterationsOf(step, settings.growth),
        fineTune?.iterations ?? 0,
      )
      this.log(
        `Goal: at most ${sizes} of ${total} parameters, all training images trained on; ` +
          `about ${cycles.length} cycles and ${iterations} iterations`,
      )
      return
    }
    this.log(
      `Goal: the smallest net that loses at most ${points(goal.loss)} points of accuracy on ${images} training images held ` +
        'out: a fixed random part of every class, never trained on. The test set is only reported',
    )
  }

  /** Of the given net on the validation images. */
  given(accuracy: number, images: number, against: Reference): void {
    const own = `The given net has ${percent(accuracy)} on the images held out${noise(accuracy, images)}.`
    const seen = 'It may have been trained on them, which makes it look better than it is'
    const instead =
      against === 'given'
        ? '; --against fine-tuned compares with it fine-tuned without them'
        : ': the goal compares with it fine-tuned without them, which comes first'
    this.log(`${own} ${seen}${instead}`)
  }

  /** The whole net fails the goal of an accuracy itself. */
  learntByHeart(): void {
    this.log(
      'The whole net fine-tuned without them fails the goal itself: the given net has learnt the images held out by heart. ' +
        'The goal compares with that net fine-tuned without them from here on',
    )
  }

  fineTuningReference(iteration: number, { of }: CyclePlace): void {
    this.phase('Fine-tuning the given net to compare with', iteration, { number: 0, of, step: 'comparing' })
  }

  /** What the goal compares with. */
  fineTuned(accuracy: number, images: number): void {
    this.log(
      'The given net fine-tuned without them, on the images as they are, has ' +
        `${percent(accuracy)}${noise(accuracy, images)}: the goal compares with that`,
    )
  }

  /** Cycles go on from an earlier net. */
  restored(iteration: number, counts: KeptCounts[], planned: number, { cycle }: FrontRecord): void {
    this.log(
      `Iteration ${iteration}, back to the net of ${cycle === 0 ? 'before the first cycle' : `cycle ${cycle}`}`,
    )
    this.pruned(iteration, counts, planned)
  }

  /** `diverged`: the iteration at which the loss was no number; null where it only rose. */
  slower(iteration: number, diverged: number | null, share: number): void {
    const what =
      diverged === null
        ? `training up to iteration ${iteration} ended with a much larger loss than it began with`
        : `the loss stopped being a finite number at iteration ${diverged}`
    this.log(
      `Learning rates are too large for this net (${what}): the training is repeated with ${share.toPrecision(2)} of them`,
    )
  }

  /** `grown`: with parameters that came back, before the pruning. */
  training(
    iteration: number,
    { cycle, of }: CyclePlace,
    { round, grown }: { round: { number: number; of: number } | null; grown: boolean },
  ): void {
    if (cycle === 0) {
      this.phase('Fine-tuning the whole net', iteration, { number: 0, of, step: 'fine-tuning' })
      return
    }
    const place = round === null ? `Cycle ${cycle}` : `Cycle ${cycle}, round ${round.number} of ${round.of}`
    const text = grown ? 'training what came back' : 'retraining'
    this.phase(`${place}: ${text}`, iteration, { number: cycle, of, step: 'retraining' })
  }

  pruning(iteration: number, { cycle, of }: CyclePlace, target: number): void {
    const text = `Cycle ${cycle}: pruning to ${target} parameters`
    this.phase(text, iteration, { number: cycle, of, step: 'scoring' })
  }

  /** Parameters have come back. */
  grown(iteration: number, counts: KeptCounts[]): void {
    this.densities(iteration, counts)
    this.log(`Iteration ${iteration}, grown to ${keptParameters(counts)} parameters`)
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
    images: number,
  ): void {
    const validation =
      validationAccuracy === null || reference === null
        ? ''
        : `, validation accuracy ${percent(validationAccuracy)}${noise(validationAccuracy, images)} against ${percent(reference)}`
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
