// The compression loop of OLMP (Li, Qian, Jiang, Lu, Tang, IJCAI 2018): mask, search, train, until the masks are frozen;
// then retrain. Pure: it drives a Session, tells what happens by events, and gives its state for a checkpoint whenever
// it stands still. The same state with the same session state gives the same future, bit for bit.

import type { Session } from '../engine/binding'
import { AppError } from '../net/errors'
import type { RunEvent } from '../runs/types'
import { LoopReport } from './LoopReport'
import type { NetOutput } from './logLines'
import { Mt19937, type RandomState } from './mt19937'
import { RateSearch, type RateSearchContext, type RateSearchState } from './rateSearch'
import {
  drawLayers,
  drawRemask,
  prunedLayers,
  remaskWords,
  Schedule,
  setRemaskBits,
  type PrunableLayer,
  type PrunedLayer,
} from './schedule'
import { pruneCycles } from './presets'
import type { OlmpSettings } from './settings'
import { keptParameters, totalParameters } from './records'
import { Stretch } from './stretch'

/** What the loop needs to know of the nets in the session. */
export interface LoopNet {
  /** In the order of Session.prunableLayers. */
  prunable: PrunableLayer[]
  /** In the order of Session.trainOutputs and testOutputs. */
  trainOutputs: NetOutput[]
  testOutputs: NetOutput[]
  /** Positions of the accuracy and the loss among the outputs; -1 where there is none. */
  trainAccuracy: number
  testAccuracy: number
  testLoss: number
  /** Batches that cover the whole test set once, and its images. */
  testIterations: number
  testImages: number
}

/** Where the loop stands; plain JSON. */
export interface LoopState {
  formatVersion: 1
  /** The iteration next or in progress; -1: the training step before the loop is still to come. */
  iteration: number
  rates: number[]
  random: RandomState
  /** An iteration begun: its layers are drawn, its training step is still to come. */
  current: { remask: number[]; search: RateSearchState | null } | null
  /** The iteration before which compression and batch accuracy were last reported: that forward pass may draw from the
   *  session's generator (dropout), so it must not happen twice. */
  reported: number
  seconds: LoopSeconds
}

export interface LoopSeconds {
  train: number
  search: number
  test: number
}

export interface CheckpointPoint {
  /** Updates applied so far. */
  solverIteration: number
  /** Generations of the search in progress; null between iterations. */
  generation: number | null
  state: LoopState
}

export interface CompressorOptions {
  /** Parameters loaded; moments taken, or the session's state loaded where `state` is given. */
  session: Session
  net: LoopNet
  settings: OlmpSettings
  onEvent: (event: RunEvent) => void
  checkpointIntervalIterations: number
  /** Saves the session's and the loop's state. Also called where the loop stops and at its end. */
  writeCheckpoint: (point: CheckpointPoint) => Promise<void>
  /** Continue from here. */
  state?: LoopState
}

const STRETCH_MS = 100

export class Compressor {
  private readonly session: Session
  private readonly settings: OlmpSettings
  private readonly net: LoopNet
  private readonly layers: PrunedLayer[]
  private readonly schedule: Schedule
  private readonly random: Mt19937
  private readonly stretch = new Stretch(STRETCH_MS)
  private readonly told: LoopReport
  private readonly seconds: LoopSeconds
  private iteration: number
  private rates: number[]
  private reported: number
  private remask: number[] | null = null
  private search: RateSearch | null = null
  private resumedSearch: RateSearchState | null = null
  private total = 0
  private compression = 1
  private stopping = false
  private interruptible = false
  private checkpointed: string | null = null
  private frozen = false

  constructor(private readonly options: CompressorOptions) {
    const { session, net, settings, state } = options
    this.session = session
    this.net = net
    this.settings = settings
    this.told = new LoopReport(net, settings, STRETCH_MS, options.onEvent)
    this.layers = prunedLayers(settings, net.prunable)
    this.schedule = new Schedule(settings, options.checkpointIntervalIterations)
    this.random = new Mt19937([settings.seed])
    this.rates = state?.rates ?? net.prunable.map(() => settings.initialRate)
    this.iteration = state?.iteration ?? -1
    this.reported = state?.reported ?? -1
    this.seconds = { ...(state?.seconds ?? { train: 0, search: 0, test: 0 }) }
    if (state === undefined) return
    this.random.setState(state.random)
    this.remask = state.current?.remask ?? null
    this.resumedSearch = state.current?.search ?? null
    this.checkpointed = this.position()
  }

  /** Runs to the end, or to where requestStop() takes effect; a checkpoint is written in either case. */
  async run(): Promise<'finished' | 'stopped'> {
    this.requireAccuracy()
    await this.prepare()
    while (!this.stopping && this.iteration < this.settings.iterations) await this.advance()
    if (!this.stopping) await this.test()
    await this.checkpoint()
    return this.stopping ? 'stopped' : 'finished'
  }

  /** Takes effect at the next iteration, generation or test batch. */
  requestStop(): void {
    this.stopping = true
    if (this.interruptible) this.session.cancel()
  }

  /** Meaningful while run() is not underway, and inside writeCheckpoint. */
  state(): LoopState {
    const { remask, search } = this
    return {
      formatVersion: 1,
      iteration: this.iteration,
      rates: [...this.rates],
      random: this.random.state(),
      current:
        remask === null ? null : { remask: [...remask], search: search?.state() ?? this.resumedSearch },
      reported: this.reported,
      seconds: { ...this.seconds },
    }
  }

  private get solverIteration(): number {
    return this.iteration + 1
  }

  private get masksFrozen(): boolean {
    return this.iteration >= this.settings.pruneStop
  }

  private requireAccuracy(): void {
    if (this.net.trainAccuracy >= 0 || this.settings.pruneStop === 0) return
    throw new AppError(
      'no-accuracy-layer',
      'the net has no Accuracy layer in its TRAIN phase, which the search needs',
      {
        hint: 'add an Accuracy layer without an include rule',
      },
    )
  }

  private async prepare(): Promise<void> {
    const counts = await this.session.keptCounts()
    this.total = totalParameters(counts)
    this.compression = this.total / keptParameters(counts)
    this.told.startDensities(this.solverIteration, counts, this.options.state !== undefined)
    await this.session.setRates(Float64Array.from(this.rates))
    if (this.resumedSearch === null) return
    this.search = RateSearch.restore(this.searchContext(), this.iteration, this.resumedSearch, this.random)
    this.resumedSearch = null
  }

  /** What is due before iteration k, then k itself, or with it as many of the next as nothing stands between. */
  private async advance(): Promise<void> {
    if (this.iteration < 0) {
      await this.train(1, new Uint32Array(remaskWords(this.net.prunable.length)))
      return
    }
    await this.freezeMasks()
    this.tellPhase()
    if (this.remask === null) {
      if (this.schedule.isCheckpoint(this.iteration)) await this.checkpoint()
      if (this.schedule.isTest(this.iteration)) await this.test()
      if (this.schedule.isReport(this.iteration) && this.reported < this.iteration) await this.report()
      if (this.stopping) return
      if (!this.schedule.isSearch(this.iteration)) {
        await this.trainStretch()
        return
      }
      await this.beginSearchIteration()
    }
    if (this.search !== null) await this.runSearch(this.search)
    if (!this.stopping) await this.finishSearchIteration()
  }

  /** From pruneStop on nothing is drawn any more; the session then trains what is kept alone. */
  private async freezeMasks(): Promise<void> {
    if (this.frozen || !this.masksFrozen) return
    await this.session.freezeMasks(true)
    this.frozen = true
  }

  private tellPhase(): void {
    if (this.masksFrozen) this.told.retraining(this.solverIteration)
    else if (this.search !== null) this.tellCycle('searching')
    else if (!this.schedule.isSearch(this.iteration)) this.tellCycle('training')
  }

  private tellCycle(step: 'searching' | 'training'): void {
    const number = Math.floor(this.iteration / this.settings.pruneInterval) + 1
    this.told.cycle({ number, of: pruneCycles(this.settings), step }, this.solverIteration)
  }

  private async trainStretch(): Promise<void> {
    const end = this.schedule.endOfStretch(this.iteration, this.stretch.iterations)
    const iterations = end - this.iteration
    const before = this.random.state()
    const draw = (count: number): Uint32Array => {
      const { pruneStop } = this.settings
      return drawRemask(this.layers, this.net.prunable.length, this.iteration, count, pruneStop, this.random)
    }
    const first = this.iteration
    const remask = draw(iterations)
    const completed = await this.train(iterations, remask)
    if (completed === iterations) return
    // Stopped on the way: only the draws of the iterations done count.
    this.random.setState(before)
    this.iteration = first
    draw(completed)
    this.iteration = first + completed
  }

  private async beginSearchIteration(): Promise<void> {
    const drawn = drawLayers(this.layers, this.iteration, this.random)
    this.remask = drawn
    const asPublished = this.settings.searchMode === 'as-published'
    const least = asPublished ? 2 : Math.min(2, this.layers.length)
    if (drawn.length < least) return
    this.tellCycle('searching')
    await this.timed('search', async () => {
      if (asPublished) await this.session.remask(drawn)
      const reference = (await this.session.forwardTrainBatch())[this.net.trainAccuracy]
      this.search = await RateSearch.begin(
        this.searchContext(),
        this.iteration,
        drawn,
        reference,
        this.random,
      )
      // As published, the search's result masks every layer anew, drawn or not.
      if (asPublished) this.remask = this.layers.map((layer) => layer.index)
    })
  }

  private async runSearch(search: RateSearch): Promise<void> {
    while (!search.done && !this.stopping) {
      this.told.searched(await this.timed('search', () => search.step(this.solverIteration)))
    }
    this.told.flushSearch()
    if (!search.done) return
    this.rates = search.result()
    this.search = null
    await this.session.setRates(Float64Array.from(this.rates))
    this.told.ratesFound(this.solverIteration, this.layers, this.rates)
  }

  private async finishSearchIteration(): Promise<void> {
    const remask = new Uint32Array(remaskWords(this.net.prunable.length))
    setRemaskBits(remask, this.remask ?? [])
    const completed = await this.train(1, remask)
    if (completed === 1) this.remask = null
  }

  /** Returns the iterations done, by which `iteration` has moved on. */
  private async train(iterations: number, remask: Uint32Array): Promise<number> {
    const started = performance.now()
    this.interruptible = true
    const result = await this.timed('train', () => this.session.train(iterations, remask))
    this.interruptible = false
    this.stretch.took(result.completed, performance.now() - started)
    const first = this.solverIteration
    this.iteration += result.completed
    if (!this.masksFrozen || first <= this.settings.pruneStop) await this.measureMasks()
    this.told.trained(first, result.rows, this.compression)
    if (result.stop === 'nonFiniteLoss') this.refuseToDiverge()
    return result.completed
  }

  private refuseToDiverge(): never {
    throw new AppError(
      'diverged',
      `the loss stopped being a finite number at iteration ${this.solverIteration}`,
      {
        hint: 'lower base_lr in the solver, or delta and the upper bound of the rates, and start again',
      },
    )
  }

  /** The authors' line: compression, and accuracy on the training batch. */
  private async report(): Promise<void> {
    const outputs = await this.timed('test', () => this.session.forwardTrainBatch())
    this.reported = this.iteration
    this.told.batchAccuracy(outputs, this.compression)
  }

  private async test(): Promise<void> {
    const { net } = this
    if (net.testIterations === 0) return
    this.interruptible = true
    const values = await this.timed('test', async () => {
      await this.session.rewind('TEST')
      return this.session.test(net.testIterations)
    })
    this.interruptible = false
    // Cut short by a stop it would cover a part of the test set: it is done again after resuming.
    if (this.stopping) return
    this.told.tested(this.solverIteration, values, this.compression)
  }

  private async checkpoint(): Promise<void> {
    const position = this.position()
    if (this.checkpointed === position) return
    const generation = this.remask === null ? null : (this.search?.generation ?? 0)
    await this.options.writeCheckpoint({
      solverIteration: this.solverIteration,
      generation,
      state: this.state(),
    })
    this.checkpointed = position
  }

  /** Differs wherever the state differs. */
  private position(): string {
    const search = this.search?.generation ?? this.resumedSearch?.search.generation ?? 'done'
    return this.remask === null ? `${this.iteration}` : `${this.iteration}:${search}`
  }

  private async measureMasks(): Promise<void> {
    const counts = await this.session.keptCounts()
    this.compression = this.total / keptParameters(counts)
    this.told.densities(this.solverIteration, counts, this.masksFrozen)
  }

  private searchContext(): RateSearchContext {
    return {
      session: this.session,
      settings: this.settings,
      totalParameters: this.total,
      rates: this.rates,
      pruned: this.layers.map((layer) => layer.index),
    }
  }

  private async timed<T>(part: keyof LoopSeconds, work: () => Promise<T>): Promise<T> {
    const started = performance.now()
    try {
      return await work()
    } finally {
      this.seconds[part] += (performance.now() - started) / 1000
    }
  }
}
