// Compression in cycles: fine-tune the whole net, then prune a share of what is left, remove what is dead, retrain on
// fixed masks, until the goal. Pure, as the Compressor is: it drives a Session, tells what happens by events, and gives its
// state for a checkpoint whenever it stands still. The same state with the same session state gives the same future.

import type { KeptCounts, Session } from '../engine/binding'
import { AppError } from '../net/errors'
import type { FrontRecord, RunEvent } from '../runs/types'
import type { LoopNet } from './compress'
import { CycleReport } from './CycleReport'
import { type CycleStep, nextCycle, plannedCycles, segmentRates } from './cycleSchedule'
import type { CycleSettings } from './cycleSettings'
import { searchSplit } from './layerSplit'
import { Mt19937, type RandomState } from './mt19937'
import { keptParameters, totalParameters } from './records'
import { Stretch } from './stretch'

/** A segment of training: the fine-tuning, or the retraining of a cycle. */
interface Segment {
  done: number
  iterations: number
}

/** Where the loop stands; plain JSON. */
export interface CycleState {
  formatVersion: 1
  method: 'cycles'
  /** Cycles begun; 0: the net before the first. */
  cycle: number
  /** Training under way; null: between two cycles. */
  segment: Segment | null
  front: FrontRecord[]
  /** Accuracy on the validation images that the goal compares with; null where it needs none or it is not known yet. */
  reference: number | null
  /** Cycles in a row whose net failed the goal of an accuracy. */
  failures: number
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
  front: FrontKeeper
  /** null where the goal needs none. */
  validation: Validation | null
  state?: CycleState
}

const STRETCH_MS = 100
/** One failure may be noise. */
const FAILURES_TO_STOP = 2

export class CycleLoop {
  private readonly session: Session
  private readonly settings: CycleSettings
  private readonly random: Mt19937
  private readonly told: CycleReport
  private readonly stretch = new Stretch(STRETCH_MS)
  private cycle: number
  private segment: Segment | null
  private readonly front: FrontRecord[]
  private reference: number | null
  private failures: number
  private chosen: FrontRecord | null
  private readonly seconds: CycleState['seconds']
  private counts: KeptCounts[] = []
  private stopping = false
  private interruptible = false

  constructor(private readonly options: CycleLoopOptions) {
    const { session, settings, state, net } = options
    this.session = session
    this.settings = settings
    this.random = new Mt19937([settings.seed])
    if (state !== undefined) this.random.setState(state.random)
    this.cycle = state?.cycle ?? 0
    const fineTuning = { done: 0, iterations: settings.fineTune?.iterations ?? 0 }
    this.segment = state === undefined ? fineTuning : copy(state.segment)
    this.front = [...(state?.front ?? [])]
    this.reference = state?.reference ?? null
    this.failures = state?.failures ?? 0
    this.chosen = state?.chosen ?? null
    this.seconds = { ...(state?.seconds ?? { train: 0, search: 0, test: 0 }) }
    this.told = new CycleReport(net, options.onEvent)
  }

  /** Runs to the goal, or to where requestStop() takes effect; a checkpoint is written in either case. */
  async run(): Promise<'finished' | 'stopped'> {
    await this.prepare()
    while (!this.stopping && this.chosen === null) {
      if (this.segment !== null) await this.train(this.segment)
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
      front: [...this.front],
      reference: this.reference,
      failures: this.failures,
      chosen: this.chosen,
      random: this.random.state(),
      seconds: { ...this.seconds },
    }
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
    } else if (validation !== null) {
      const given = await this.timed('test', validation.accuracy)
      this.told.given(given, validation.images)
      const { goal } = this.settings
      if (goal.kind === 'accuracy' && goal.against === 'given') this.reference = given
    }
  }

  /** What is left to do as it would go if nothing more were found dead. */
  private plannedIterations(): number {
    const current = this.segment === null ? 0 : this.segment.iterations - this.segment.done
    return this.plannedCycles().reduce(
      (sum, { iterations }) => sum + iterations,
      this.session.iteration + current,
    )
  }

  private plannedCycles(): CycleStep[] {
    const { stages, goal } = this.settings
    return plannedCycles(stages, goal, this.kept, this.total)
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
    this.told.training(this.session.iteration, this.cycle, this.plannedCycles().length + this.cycle)
    if (this.cycle === 0 && fineTune !== null) await this.session.setWeightDecay(fineTune.weightDecay)
    if (segment.done === 0) await this.session.resetHistory()
    let untilCheckpoint = this.options.checkpointIntervalIterations || Infinity
    while (segment.done < segment.iterations && untilCheckpoint > 0 && !this.stopping) {
      const count = Math.min(this.stretch.iterations, segment.iterations - segment.done, untilCheckpoint)
      untilCheckpoint -= await this.trainStretch(segment, count)
    }
    if (segment.done === segment.iterations) await this.endSegment()
    else if (untilCheckpoint === 0) await this.checkpoint()
  }

  private async trainStretch(segment: Segment, count: number): Promise<number> {
    const { learningRate, warmup, fineTune } = this.settings
    const largest = this.cycle === 0 ? (fineTune?.learningRate ?? learningRate) : learningRate
    const rates = segmentRates(largest, warmup, segment.iterations, segment.done, count)
    const first = this.session.iteration + 1
    const started = performance.now()
    this.interruptible = true
    const result = await this.timed('train', () => this.session.train(count, undefined, rates))
    this.interruptible = false
    this.stretch.took(result.completed, performance.now() - started)
    segment.done += result.completed
    this.told.trained(first, result.rows, this.compression)
    if (result.stop === 'nonFiniteLoss') {
      throw new AppError(
        'diverged',
        `the loss stopped being a finite number at iteration ${first + result.completed}`,
        { hint: 'lower the learning rate and start again' },
      )
    }
    return result.completed
  }

  private async endSegment(): Promise<void> {
    this.segment = null
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
    const { goal } = this.settings
    const iteration = this.session.iteration
    const values = await this.timed('test', async () => {
      await this.session.rewind('TEST')
      return this.session.test(net.testIterations)
    })
    const test = this.told.tested(iteration, values, this.compression)
    const validated = validation === null ? null : await this.timed('test', validation.accuracy)
    if (this.cycle === 0 && goal.kind === 'accuracy' && goal.against === 'fine-tuned')
      this.reference = validated
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
    this.failures = this.answers(record) ? 0 : this.failures + 1
  }

  /** Whether the net may be chosen. Any may for a size: which is reached is not a question of its accuracy. */
  private answers({ validationAccuracy }: FrontRecord): boolean {
    const { goal } = this.settings
    if (goal.kind === 'size' || validationAccuracy === null || this.reference === null) return true
    return validationAccuracy >= this.reference - goal.loss
  }

  /** The smallest that answers the goal; the whole net where none does. */
  private async choose(): Promise<void> {
    const chosen = this.front.findLast((record) => this.answers(record)) ?? this.front[0]
    if (chosen !== this.front[this.front.length - 1]) {
      await this.options.front.restore(chosen)
      this.counts = await this.session.keptCounts()
      this.told.pruned(this.session.iteration, this.counts, this.session.iteration)
    }
    this.chosen = chosen
    this.told.chosen(chosen, this.reference)
  }

  /** False where the goal is reached. */
  private async beginCycle(): Promise<boolean> {
    const { stages, goal, score } = this.settings
    if (this.failures >= FAILURES_TO_STOP) return false
    const step = nextCycle(stages, goal, this.kept, this.total)
    if (step === null) return false
    this.cycle += 1
    this.told.pruning(
      this.session.iteration,
      this.cycle,
      this.plannedCycles().length + this.cycle - 1,
      step.target,
    )
    await this.timed('search', async () => {
      if (score === 'thresholds') await this.session.scoreMagnitude()
      else await this.session.scoreFisher(this.settings.fisherBatches, this.settings.damping)
      if (score === 'fisher') await this.session.keepBest(step.target)
      else await this.keepSplit(step.target)
      await this.options.clean()
      await this.session.freezeMasks(true)
    })
    this.counts = await this.session.keptCounts()
    this.segment = { done: 0, iterations: step.iterations }
    this.told.pruned(this.session.iteration, this.counts, this.plannedIterations())
    return true
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

function copy(segment: Segment | null): Segment | null {
  return segment === null ? null : { ...segment }
}
