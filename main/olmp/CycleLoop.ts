// Compression in cycles: fine-tune the whole net, then let some of what is pruned come back, prune a share of what is left,
// remove what is dead, retrain on fixed masks, until the goal. Pure, as the Compressor is: it drives a Session, tells what happens by events, and gives its
// state for a checkpoint whenever it stands still. The same state with the same session state gives the same future.

import type { KeptCounts, Session } from '../engine/binding'
import { AppError } from '../net/errors'
import { count } from '../net/graph'
import type { FrontRecord, RunEvent } from '../runs/types'
import type { LoopNet } from './compress'
import { type CyclePlace, CycleReport } from './CycleReport'
import {
  type CycleStep,
  iterationsOf,
  iterationsOfRounds,
  nextCycle,
  nextRound,
  plannedCycles,
  smallerStep,
  stageOf,
} from './cycleSchedule'
import type { CycleSettings, Reference } from './cycleSettings'
import { standardError } from './heldOut'
import { searchSplit } from './layerSplit'
import { Mt19937, type RandomState } from './mt19937'
import { keptParameters, totalParameters } from './records'
import { addLosses, isDamaged, isSettling, lengthOf, newSegment, nextRates, type Segment } from './segment'
import { Stretch } from './stretch'

/** Rounds of growth and pruning at the size of a cycle. */
interface Hold {
  /** Of the cycle. */
  step: CycleStep
  /** Rounds begun. */
  round: number
}

/** Where the loop stands; plain JSON. Fields that may be missing are of before there was growth. */
export interface CycleState {
  formatVersion: 1
  method: 'cycles'
  /** Cycles begun; 0: the net before the first. */
  cycle: number
  /** Training under way; null: between two cycles. */
  segment: Segment | null
  /** What prunes the net when the segment ends, which trains what came back; null: the segment retrains. */
  pruning?: CycleStep | null
  /** null: no rounds, or none left. */
  hold?: Hold | null
  /** The smallest net that answers the goal of an accuracy has been followed by one with rounds. */
  held?: boolean
  front: FrontRecord[]
  /** Iteration of the net of the front that the next cycle prunes, or the one under way has pruned; null before the first. */
  base: number | null
  /** Accuracy on the validation images that the goal compares with; null where it needs none or it is not known yet. */
  reference: number | null
  /** Whose it is. */
  against: Reference
  /** Cycles in a row whose net failed the goal of an accuracy; those within the standard error count half. */
  failures: number
  /** Share that one cycle may prune: less than 1 where more has failed the goal. */
  largestStep: number
  /** Of the learning rates asked for: less than 1 where they were too large for the net. */
  rateShare: number
  /** The net that answers the goal, once the loop has ended. */
  chosen: FrontRecord | null
  random: RandomState
  seconds: { train: number; search: number; test: number }
}

export interface CycleCheckpoint {
  solverIteration: number
  generation: null
  state: CycleState
}

/** Nets passed on the way, kept outside the session. */
export interface FrontKeeper {
  /** Keeps the session's net. */
  keep: (record: FrontRecord) => Promise<void>
  /** Brings it back into the session. */
  restore: (record: FrontRecord) => Promise<void>
}

/** Images held out of the training data. */
export interface Validation {
  images: number
  /** Of the session's net on them, 0..1. */
  accuracy: () => Promise<number>
  /** Of the given net fine-tuned without them on the images as they are, where the session's is fine-tuned on copies of them;
   *  its promise gives null where the run is to stop in the meantime. null: the session's is that net. */
  fineTuned: (() => Promise<number | null>) | null
}

export interface CycleLoopOptions {
  /** Parameters loaded; or the session's state loaded, and its teacher's logits computed where there is one and the first
   *  cycle has begun, where `state` is given. */
  session: Session
  net: LoopNet
  settings: CycleSettings
  onEvent: (event: RunEvent) => void
  checkpointIntervalIterations: number
  writeCheckpoint: (point: CycleCheckpoint) => Promise<void>
  /** Removes what is dead without changing the net's function, but for rounding. */
  clean: () => Promise<void>
  /** Parameters that no gradient moves but training forward does: BatchNorm's means, variances and their weight. */
  statistics: number[]
  /** Brings the parameters back that the run began with. */
  restoreGiven: () => Promise<void>
  front: FrontKeeper
  /** null where the goal needs none. */
  validation: Validation | null
  state?: CycleState
}

const STRETCH_MS = 100
/** So many failures in a row make the step smaller; where it is the smallest, they end the run: one may be noise. One within
 *  the standard error of the goal counts half. */
const FAILURES_TO_HALVE = 1
const FAILURES_TO_STOP = 2
/** Rates that damage the net fall to a third, so often at most. */
const SMALLEST_RATE_SHARE = 1 / 3 ** 6
/** Of the largest rate, where the training of what came back ends: it is to find its size, not to settle. */
const GROWN_LAST_RATE = 0.1

export class CycleLoop {
  private readonly session: Session
  private readonly settings: CycleSettings
  private readonly random: Mt19937
  private readonly told: CycleReport
  private readonly stretch = new Stretch(STRETCH_MS)
  private cycle: number
  private segment: Segment | null
  private pruning: CycleStep | null
  private hold: Hold | null
  private held: boolean
  private readonly front: FrontRecord[]
  private base: number | null
  private reference: number | null
  private against: Reference
  private failures: number
  private largestStep: number
  private rateShare: number
  private chosen: FrontRecord | null
  private readonly seconds: CycleState['seconds']
  private counts: KeptCounts[] = []
  private sinceCheckpoint = 0
  private stopping = false
  private interruptible = false

  constructor(private readonly options: CycleLoopOptions) {
    const { session, settings, state, net } = options
    this.session = session
    this.settings = settings
    this.random = new Mt19937([settings.seed])
    if (state !== undefined) this.random.setState(state.random)
    this.cycle = state?.cycle ?? 0
    const fineTuning = this.segmentOf(settings.fineTune?.iterations ?? 0)
    this.segment = state === undefined ? fineTuning : copy(state.segment)
    this.pruning = state?.pruning ?? null
    this.hold = copy(state?.hold ?? null)
    this.held = state?.held ?? false
    this.front = [...(state?.front ?? [])]
    this.base = state?.base ?? null
    this.reference = state?.reference ?? null
    this.against = state?.against ?? (settings.goal.kind === 'accuracy' ? settings.goal.against : 'given')
    this.failures = state?.failures ?? 0
    this.largestStep = state?.largestStep ?? 1
    this.rateShare = state?.rateShare ?? 1
    this.chosen = state?.chosen ?? null
    this.seconds = { ...(state?.seconds ?? { train: 0, search: 0, test: 0 }) }
    this.told = new CycleReport(net, options.onEvent)
  }

  /** Runs to the goal, or to where requestStop() takes effect; a checkpoint is written in either case. */
  async run(): Promise<'finished' | 'stopped'> {
    await this.prepare()
    while (!this.stopping && this.chosen === null) {
      if (this.segment !== null) await this.train(this.segment)
      else if (this.validationWithoutReference !== null)
        await this.takeReference(this.validationWithoutReference)
      else if (!(await this.beginCycle())) await this.choose()
    }
    await this.checkpoint()
    return this.stopping ? 'stopped' : 'finished'
  }

  /** Takes effect at the next iteration, or when a pruning or a test under way is done. */
  requestStop(): void {
    this.stopping = true
    if (this.interruptible) this.session.cancel()
  }

  /** Meaningful while run() is not underway, and inside writeCheckpoint. */
  state(): CycleState {
    return {
      formatVersion: 1,
      method: 'cycles',
      cycle: this.cycle,
      segment: copy(this.segment),
      pruning: this.pruning,
      hold: copy(this.hold),
      held: this.held,
      front: [...this.front],
      base: this.base,
      reference: this.reference,
      against: this.against,
      failures: this.failures,
      largestStep: this.largestStep,
      rateShare: this.rateShare,
      chosen: this.chosen,
      random: this.random.state(),
      seconds: { ...this.seconds },
    }
  }

  /** Largest rate of the retraining under way. */
  private get cycleRate(): number {
    const { stages, learningRate, denseLearningRate } = this.settings
    const isDense = stageOf(stages, this.kept, this.total) !== stages[stages.length - 1]
    return isDense ? (denseLearningRate ?? learningRate) : learningRate
  }

  private get total(): number {
    return totalParameters(this.counts)
  }

  private get kept(): number {
    return keptParameters(this.counts)
  }

  private get compression(): number {
    return this.total / this.kept
  }

  private async prepare(): Promise<void> {
    const { state, validation } = this.options
    this.counts = await this.session.keptCounts()
    this.told.start(this.session.iteration, this.counts, this.plannedIterations(), state !== undefined)
    if (state !== undefined) {
      if (this.cycle > 0) await this.session.freezeMasks(true)
      if (this.front.length > 0) await this.beginCycles()
      return
    }
    this.told.goal(this.settings, this.counts, validation?.images ?? 0)
    if (validation === null) return
    const given = await this.timed('test', validation.accuracy)
    this.told.given(given, validation.images, this.against)
    if (this.against === 'given') this.reference = given
  }

  /** What is left to do as it would go if nothing more were found dead. */
  private plannedIterations(): number {
    const { segment, pruning, hold } = this
    const { growth } = this.settings
    const settling = lengthOf(this.segmentOf(1)) - 1
    const left = [
      segment === null ? 0 : lengthOf(segment) - segment.done,
      pruning?.iterations ?? 0,
      hold === null || growth === null ? 0 : iterationsOfRounds(hold.step, growth, hold.round),
      ...this.plannedCycles().map((step) => iterationsOf(step, growth) + settling),
    ]
    return left.reduce((sum, iterations) => sum + iterations, this.session.iteration)
  }

  private segmentOf(iterations: number): Segment {
    return newSegment(iterations, this.options.statistics.length > 0)
  }

  /** Parameters that the cycle under way leaves at most. */
  private get target(): number {
    return this.hold?.step.target ?? this.pruning?.target ?? this.kept
  }

  private plannedCycles(from = this.target): CycleStep[] {
    return plannedCycles(this.settings, from, this.total, this.largestStep)
  }

  /** The cycle under way, and how many there will have been. */
  private place(target = this.target): CyclePlace {
    return { cycle: this.cycle, of: this.plannedCycles(target).length + this.cycle }
  }

  /** What the training of the cycles has that the fine-tuning has not. */
  private async beginCycles(): Promise<void> {
    const { distillation, weightDecay } = this.settings
    await this.session.setWeightDecay(weightDecay)
    if (distillation !== null)
      await this.session.setDistillation(distillation.weight, distillation.temperature)
  }

  /** Trains until the segment ends, a checkpoint is due or the loop is to stop. */
  private async train(segment: Segment): Promise<void> {
    const { fineTune } = this.settings
    const { pruning, hold } = this
    const round = hold === null || hold.round === 0 ? null : { number: hold.round, of: hold.step.rounds }
    this.told.training(this.session.iteration, this.place(), { round, grown: pruning !== null })
    if (this.cycle === 0 && fineTune !== null) await this.session.setWeightDecay(fineTune.weightDecay)
    if (segment.done === 0) await this.session.resetHistory()
    const interval = this.options.checkpointIntervalIterations || Infinity
    const isOn = (): boolean => this.segment === segment && segment.done < lengthOf(segment)
    while (isOn() && this.sinceCheckpoint < interval && !this.stopping) {
      if (isSettling(segment) && segment.done === segment.iterations) await this.forgetStatistics()
      const most = Math.min(this.stretch.iterations, interval - this.sinceCheckpoint)
      this.sinceCheckpoint += await this.trainStretch(segment, most)
    }
    if (this.segment !== segment) return
    if (segment.done === lengthOf(segment)) await this.endSegment(segment)
    else if (this.sinceCheckpoint >= interval) await this.checkpoint()
  }

  private async trainStretch(segment: Segment, most: number): Promise<number> {
    const { learningRate, warmup, fineTune } = this.settings
    const largest = this.cycle === 0 ? (fineTune?.learningRate ?? learningRate) : this.cycleRate
    const rates = nextRates(segment, most, this.rateShare * largest, warmup)
    const first = this.session.iteration + 1
    const started = performance.now()
    this.interruptible = true
    const result = await this.timed('train', () => this.session.train(rates.length, undefined, rates))
    this.interruptible = false
    this.stretch.took(result.completed, performance.now() - started)
    addLosses(segment, result.rows, this.session.trainOutputs.length + 2)
    this.told.trained(first, result.rows, this.compression)
    if (result.stop === 'nonFiniteLoss') await this.slowDown(first + result.completed)
    return result.completed
  }

  /** Running statistics average over more iterations than a retraining may have, most of them of a net that has changed
   *  since: they are measured anew on the net as it ends. At rate 0 nothing else moves once momentum is gone. */
  private async forgetStatistics(): Promise<void> {
    await this.session.resetHistory()
    for (const index of this.options.statistics) {
      const { shape } = this.session.parameters[index]
      await this.session.setParameter(index, 'value', new Float32Array(count(shape)))
    }
  }

  /** Throws away what rates too large for the net have made of it, and begins the segment anew with smaller ones. */
  private async slowDown(diverged: number | null): Promise<void> {
    this.rateShare /= 3
    if (this.rateShare < SMALLEST_RATE_SHARE) {
      throw new AppError('diverged', `the loss stopped being a finite number at iteration ${diverged}`, {
        hint: 'even much smaller learning rates do not train this net: look at its data (scale, mean, labels)',
      })
    }
    this.told.slower(this.session.iteration, diverged, this.rateShare)
    if (this.cycle === 0) {
      await this.options.restoreGiven()
      this.segment = this.segmentOf(this.settings.fineTune?.iterations ?? 0)
      return
    }
    this.segment = null
    this.pruning = null
    if (this.hold !== null) this.held = false
    this.hold = null
    await this.restore(this.baseRecord())
    this.cycle -= 1
  }

  private baseRecord(): FrontRecord {
    return this.front.find(({ iteration }) => iteration === this.base) ?? this.front[this.front.length - 1]
  }

  private async restore(record: FrontRecord): Promise<void> {
    await this.options.front.restore(record)
    this.base = record.iteration
    this.counts = await this.session.keptCounts()
    this.told.restored(this.session.iteration, this.counts, this.plannedIterations(), record)
  }

  private async endSegment(segment: Segment): Promise<void> {
    if (isDamaged(segment) && this.rateShare / 3 >= SMALLEST_RATE_SHARE) {
      await this.slowDown(null)
      return
    }
    this.segment = null
    const { pruning, hold } = this
    if (pruning !== null) {
      this.pruning = null
      await this.prune(pruning)
      return
    }
    if (hold !== null && hold.round < hold.step.rounds) {
      await this.beginRound(hold)
      return
    }
    this.hold = null
    if (this.cycle === 0) {
      if (this.settings.distillation !== null) await this.timed('train', () => this.session.computeTeacher())
      await this.beginCycles()
    }
    await this.measure()
    await this.checkpoint()
  }

  /** The net at the end of a cycle: tested, validated where the goal needs it, and kept on the front. */
  private async measure(): Promise<void> {
    const { net, validation, front } = this.options
    const iteration = this.session.iteration
    const values = await this.timed('test', async () => {
      await this.session.rewind('TEST')
      return this.session.test(net.testIterations)
    })
    const test = this.told.tested(iteration, values, this.compression)
    const validated = validation === null ? null : await this.timed('test', validation.accuracy)
    const record: FrontRecord = {
      iteration,
      cycle: this.cycle,
      kept: this.kept,
      compression: this.compression,
      testAccuracy: test.accuracy,
      seconds: this.seconds.train + this.seconds.search + this.seconds.test,
      validationAccuracy: validated,
    }
    await front.keep(record)
    this.front.push(record)
    this.told.onFront(record)
    const before = this.baseRecord()
    this.base = iteration
    if (this.cycle === 0) this.doubtGiven(record)
    else await this.judge(record, before)
  }

  /** A whole net that fails the goal itself tells that the given one has learnt the images held out by heart. */
  private doubtGiven(record: FrontRecord): void {
    if (this.against === 'fine-tuned' || this.answers(record)) return
    this.against = 'fine-tuned'
    this.reference = null
    this.told.learntByHeart()
  }

  /** Where the goal needs a net to compare with that is not known yet. */
  private get validationWithoutReference(): Validation | null {
    const { validation } = this.options
    return this.against === 'fine-tuned' && this.reference === null ? validation : null
  }

  private async takeReference({ fineTuned, images }: Validation): Promise<void> {
    if (fineTuned === null) this.reference = this.front[0].validationAccuracy
    else {
      this.told.fineTuningReference(this.session.iteration, this.place())
      this.reference = await this.timed('train', fineTuned)
    }
    if (this.reference === null) return
    this.told.fineTuned(this.reference, images)
    await this.checkpoint()
  }

  /** A net that fails the goal of an accuracy is given up for smaller steps from the smallest that answers it, as long as
   *  there are any: a large step with its short retraining loses more than its size asks for. */
  private async judge(record: FrontRecord, { kept }: FrontRecord): Promise<void> {
    if (this.answers(record)) {
      this.failures = 0
      this.held = false
      return
    }
    this.failures += this.answers(record, this.noiseOf(record)) ? 0.5 : 1
    const smaller = smallerStep(this.settings.stages, kept, this.total, this.largestStep)
    if (smaller === null || this.failures < FAILURES_TO_HALVE) return
    this.failures = 0
    this.largestStep = smaller
    await this.restore(this.best())
  }

  private noiseOf({ validationAccuracy }: FrontRecord): number {
    return standardError(validationAccuracy ?? 0, this.options.validation?.images ?? 1)
  }

  /** The smallest net that answers the goal; the whole one where none does. */
  private best(): FrontRecord {
    const answers = this.front.filter((record) => this.answers(record))
    return answers.reduce((best, record) => (record.kept < best.kept ? record : best), this.front[0])
  }

  /** Whether the net may be chosen, or would be with so much more accuracy. Any may for a size: which is reached is not a
   *  question of its accuracy. */
  private answers({ validationAccuracy }: FrontRecord, more = 0): boolean {
    const { goal } = this.settings
    if (goal.kind === 'size' || validationAccuracy === null || this.reference === null) return true
    return validationAccuracy + more >= this.reference - goal.loss
  }

  private async choose(): Promise<void> {
    const chosen = this.best()
    if (chosen.iteration !== this.base) await this.restore(chosen)
    this.chosen = chosen
    this.told.chosen(chosen, this.reference, this.options.validation?.images ?? 0)
  }

  /** False where the goal is reached. */
  private async beginCycle(): Promise<boolean> {
    const isLast = this.failures >= FAILURES_TO_STOP
    if (isLast && (this.held || !(await this.beginHold()))) return false
    const { largestStep } = this
    const step = nextCycle(this.settings, this.kept, this.total, { largestStep, hold: isLast })
    if (step === null) return false
    this.cycle += 1
    if (step.rounds > 0) this.hold = { step, round: 0 }
    await this.beginStep(step)
    return true
  }

  /** Before a goal of an accuracy is given up, the next size is tried once more with rounds. False where there are none. */
  private async beginHold(): Promise<boolean> {
    const best = this.best()
    const { growth } = this.settings
    if (growth === null || growth.rounds === 0 || best.kept > growth.below * this.total) return false
    this.held = true
    if (best.iteration !== this.base) await this.restore(best)
    return true
  }

  private async beginRound(hold: Hold): Promise<void> {
    const { growth } = this.settings
    if (growth === null) return
    const step = nextRound(hold.step, hold.round, this.kept, growth)
    hold.round += 1
    await this.beginStep(step)
  }

  private async beginStep(step: CycleStep): Promise<void> {
    const { growth } = this.settings
    if (growth === null || step.grown === 0) {
      await this.prune(step)
      return
    }
    this.told.pruning(this.session.iteration, this.place(step.target), step.target)
    await this.timed('search', async () => {
      await this.session.scoreGrowth(growth.batches, this.settings.damping)
      await this.session.growBest(step.grown, growth.perOutput)
      await this.session.freezeMasks(true)
    })
    this.counts = await this.session.keptCounts()
    this.pruning = step
    this.segment = newSegment(growth.iterations, false, GROWN_LAST_RATE)
    this.told.grown(this.session.iteration, this.counts)
  }

  private async prune(step: CycleStep): Promise<void> {
    const { score } = this.settings
    this.told.pruning(this.session.iteration, this.place(step.target), step.target)
    await this.timed('search', async () => {
      if (score === 'thresholds') await this.session.scoreMagnitude()
      else await this.session.scoreFisher(this.settings.fisherBatches, this.settings.damping)
      if (score === 'fisher') await this.session.keepBest(step.target)
      else await this.keepSplit(step.target)
      await this.options.clean()
      await this.session.freezeMasks(true)
    })
    this.counts = await this.session.keptCounts()
    const isMeasured = this.hold === null || this.hold.round === this.hold.step.rounds
    this.segment = isMeasured ? this.segmentOf(step.iterations) : newSegment(step.iterations, false)
    this.told.pruned(this.session.iteration, this.counts, this.plannedIterations())
  }

  private async keepSplit(target: number): Promise<void> {
    const { search, score } = this.settings
    const available = this.counts.map(({ keptWeights, keptBiases }) => keptWeights + keptBiases)
    // Magnitudes of different layers do not compare: every layer gives up the same share.
    const start =
      score === 'thresholds'
        ? available.map((count) => (count * target) / this.kept)
        : Array.from(await this.session.bestCounts(target))
    await this.session.holdSample(search.sampleBatches)
    const found = await searchSplit(start, available, target, search, this.random, async (rows) =>
      Array.from(await this.session.evaluateKeptCounts(Float64Array.from(rows.flat()))),
    )
    this.told.splitFound(this.session.iteration, found)
    await this.session.keepBestOfLayers(Float64Array.from(found.counts))
  }

  private async checkpoint(): Promise<void> {
    this.sinceCheckpoint = 0
    await this.options.writeCheckpoint({
      solverIteration: this.session.iteration,
      generation: null,
      state: this.state(),
    })
  }

  private async timed<T>(part: keyof CycleState['seconds'], work: () => Promise<T>): Promise<T> {
    const started = performance.now()
    try {
      return await work()
    } finally {
      this.seconds[part] += (performance.now() - started) / 1000
    }
  }
}

function copy<T extends Segment | Hold>(value: T | null): T | null {
  return value === null ? null : { ...value }
}
