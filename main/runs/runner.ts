// A run from its folder to its end: opens the model, measures the reference or resumes from the newest whole checkpoint,
// drives the compression loop, and keeps everything on disk.

import { join } from 'node:path'

import type { EngineAddon } from '../engine/binding'
import { engineError } from '../engine/errors'
import { AppError, toErrorRecord } from '../net/errors'
import { Compressor, type CheckpointPoint, type LoopState } from '../olmp/compress'
import { CycleLoop, type CycleCheckpoint, type CycleState } from '../olmp/CycleLoop'
import { testLines } from '../olmp/logLines'
import { testRecord, totalParameters } from '../olmp/records'
import { isCycles, parseRunSettings, plannedIterations, type RunSettings } from '../olmp/runSettings'
import {
  checkpointName,
  clearUp,
  ENGINE_STATE_FILE,
  findCheckpoint,
  writeCheckpoint,
  type Checkpoint,
  type CheckpointContent,
  type CheckpointMetrics,
} from './checkpoints'
import { requireCycles } from './cycleNeeds'
import { cycleSurroundings, resumeCycles } from './cycleRun'
import { memoryLines } from './gpuMemory'
import { interruptible } from './interruptible'
import { loopNet } from './loopNet'
import { batchOf, openModel, type OpenedModel } from './openModel'
import type { RunFolder, RunModelSummary } from './RunFolder'
import { JOURNAL_START, RunJournal } from './RunJournal'
import { RunLock } from './RunLock'
import { settingsOptions } from './sampling'
import { sessionSparsity } from './sparsity'
import type { LogLevel, RunEvent, RunResult, TestRecord } from './types'

export interface RunnerDeps {
  addon: EngineAddon
  /** Where converted datasets are kept. */
  cacheFolder: string
  /** MNIST's idx files; found where absent. */
  mnistFolder?: string
  /** Aborting ends the run at its next boundary, after a checkpoint. The reason 'paused' or 'stopped' becomes the run's
   *  state; any other means 'stopped'. */
  signal?: AbortSignal
}

/** Starts the run, or resumes it from its newest whole checkpoint. Answers its result, or null where it was stopped
 *  before its end. Throws AppError: 'run-in-use'; 'run-finished'; what opening the model refuses; 'diverged';
 *  'disk-full'; 'read-only-folder'. Except for the first two the run is 'failed' then, and can be resumed. */
export async function runCompression(
  folder: RunFolder,
  deps: RunnerDeps,
  onEvent: (event: RunEvent) => void,
): Promise<RunResult | null> {
  const lock = await RunLock.acquire(folder.path)
  try {
    await folder.refresh()
    if (folder.record.state === 'finished') {
      throw new AppError('run-finished', 'the run is finished', {
        file: folder.path,
        hint: 'let it go on for more iterations, or start a new one',
      })
    }
    return await new Runner(folder, deps, onEvent).run()
  } finally {
    await lock.release()
  }
}

/** Points of test accuracy beyond which a user may want a smaller net instead: more than the noise of a test of 10,000 images. */
const ROOM_POINTS = 0.2

type State = LoopState | CycleState

interface Loop {
  run: () => Promise<'finished' | 'stopped'>
  requestStop: () => void
  state: () => State
  close: () => Promise<void>
}

function ofLoop(state: State | undefined): LoopState | undefined {
  return state === undefined || 'method' in state ? undefined : state
}

function ofCycles(state: State | undefined): CycleState | undefined {
  return state !== undefined && 'method' in state ? state : undefined
}

function validationOf(
  state: State,
  settings: RunSettings,
  images: number | null,
): Pick<RunResult, 'validation'> {
  const cycles = ofCycles(state)
  const accuracy = cycles?.chosen?.validationAccuracy ?? null
  const reference = cycles?.reference ?? null
  if (accuracy === null || reference === null || images === null) return {}
  const loss = isCycles(settings) && settings.goal.kind === 'accuracy' ? settings.goal.loss : undefined
  return { validation: { accuracy, referenceAccuracy: reference, images, loss, against: cycles?.against } }
}

class Runner {
  private journal: RunJournal | null = null
  /** The checkpoint that is being put in place, one at a time. */
  private written: Promise<void> = Promise.resolve()
  private readonly begun = performance.now()
  private secondsBefore = 0
  private readonly cpuBegun = process.cpuUsage()
  private cpuSecondsBefore = 0
  private lastTest: TestRecord | null = null
  private validationImages: number | null = null
  /** Of the pruned net: the reference at iteration 0 is another. */
  private tested: { accuracy: number; iteration: number } | null = null

  constructor(
    private readonly folder: RunFolder,
    private readonly deps: RunnerDeps,
    private readonly onEvent: (event: RunEvent) => void,
  ) {}

  async run(): Promise<RunResult | null> {
    let opened: OpenedModel | null = null
    try {
      const checkpoint = await this.recover()
      const started = this.folder.record.started ?? new Date().toISOString()
      await this.folder.update({ state: 'running', started, ended: null, error: null })
      opened = await this.open()
      this.requirePossible(opened)
      const state = await this.begin(opened, checkpoint)
      // Stopped before there is anything to save: the next start begins here again.
      if (this.deps.signal?.aborted === true) return await this.stopped()
      return await this.compress(opened, state)
    } catch (error) {
      throw await this.fail(engineError(error))
    } finally {
      await this.written.catch(() => undefined)
      await opened?.close()
      await this.journal?.close()
    }
  }

  private get request() {
    return this.folder.record.request
  }

  /** Finds the checkpoint to go on from, and cuts the journal back to it. */
  private async recover(): Promise<Checkpoint | null> {
    const { checkpoint, passedOver } = await findCheckpoint(this.folder.checkpointsFolder)
    await clearUp(this.folder.checkpointsFolder, passedOver)
    this.journal = await RunJournal.open(
      this.folder.historyFile,
      checkpoint?.content.journal ?? JOURNAL_START,
    )
    if (this.journal.putAside)
      this.log('The history was damaged and is put aside: it begins anew here', 'warning')
    for (const { folder, reason } of passedOver)
      this.log(`Checkpoint ${folder} passed over: ${reason}`, 'warning')
    if (checkpoint !== null) {
      const { elapsedSeconds, cpuSeconds, metrics } = checkpoint.content
      this.secondsBefore = elapsedSeconds
      this.cpuSecondsBefore = cpuSeconds ?? 0
      if (typeof metrics?.accuracy === 'number' && metrics.accuracyIteration !== null)
        this.tested = { accuracy: metrics.accuracy, iteration: metrics.accuracyIteration }
      this.log(`Resuming from checkpoint ${checkpoint.folder}`)
    } else if (passedOver.length > 0) {
      this.log('No whole checkpoint is left: starting from the beginning', 'warning')
    }
    return checkpoint
  }

  private async open(): Promise<OpenedModel> {
    this.phase('preparing', 'Opening the model')
    const opened = await this.openBy(this.request.settings, (text) =>
      this.emit({ kind: 'phase', phase: 'preparing', text, iteration: 0, iterations: this.total }),
    )
    for (const { level, message } of opened.model.notes) this.log(message, level)
    for (const { level, text } of memoryLines(opened, batchOf)) this.log(text, level)
    return opened
  }

  private openBy(settings: RunSettings, onProgress?: (text: string) => void): Promise<OpenedModel> {
    const { addon, cacheFolder, mnistFolder } = this.deps
    const { source, threads, device, tf32 } = this.request
    const options = { addon, cacheFolder, mnistFolder, threads, device, tf32, onProgress }
    return openModel(source, { ...options, ...settingsOptions(settings) })
  }

  private requirePossible({ train, test, session }: OpenedModel): void {
    const { settings } = this.request
    parseRunSettings(settings, session.prunableLayers)
    if (isCycles(settings) && train !== null && test !== null) requireCycles(train, test, settings)
  }

  /** Brings the session to where the run stands. */
  private async begin(opened: OpenedModel, checkpoint: Checkpoint | null): Promise<State | undefined> {
    if (checkpoint !== null && this.folder.record.model !== null) {
      const { loop } = checkpoint.content
      const { settings } = this.request
      if (isCycles(settings) && 'method' in loop)
        await resumeCycles(opened, settings, loop, this.folder.path, checkpoint.folder)
      else await opened.session.loadState(join(checkpoint.folder, ENGINE_STATE_FILE))
      return loop
    }
    this.phase('reference', 'Measuring the reference on the whole test set')
    const net = loopNet(opened)
    await opened.session.rewind('TEST')
    const values = await interruptible(
      this.deps.signal,
      () => opened.session.cancel(),
      () => opened.session.test(net.testIterations),
    )
    if (this.deps.signal?.aborted === true) return undefined
    const reference = testRecord(0, net, values, 1)
    for (const line of testLines(0, net.testOutputs, values)) this.log(line)
    this.emit({ kind: 'test', record: reference })
    await opened.session.computeMoments()
    await this.folder.update({ model: await this.summary(opened, reference.accuracy) })
    return undefined
  }

  private async summary(opened: OpenedModel, referenceAccuracy: number): Promise<RunModelSummary> {
    const { model, session, trainImages, testImages } = opened
    return {
      name: model.name,
      netFile: model.files.net.chosen,
      solverFile: model.files.solver.chosen,
      weightsFile: model.files.weights.chosen,
      prunableLayers: session.prunableLayers,
      prunableParameters: totalParameters(await session.keptCounts()),
      trainImages,
      testImages,
      referenceAccuracy,
    }
  }

  private async compress(opened: OpenedModel, state: State | undefined): Promise<RunResult | null> {
    const loop = await this.createLoop(opened, state)
    const outcome = await interruptible(
      this.deps.signal,
      () => loop.requestStop(),
      () => loop.run(),
    ).finally(() => loop.close())
    await this.written
    if (outcome === 'stopped') return this.stopped()
    const result = await this.result(opened, loop.state())
    this.tellRoom(result)
    await this.folder.writeResult(result)
    await this.folder.update({ state: 'finished', ended: new Date().toISOString() })
    this.phase('finished', 'Finished', this.total)
    this.emit({ kind: 'result', result })
    await this.journal?.sync()
    return result
  }

  /** Fine-tuning may have made the whole net so much better than the given one that a goal of accuracy keeps more than the
   *  user had. */
  private tellRoom({ accuracy, referenceAccuracy, validation }: RunResult): void {
    const more = 100 * (accuracy - referenceAccuracy)
    if (validation === undefined || more < ROOM_POINTS) return
    this.log(
      `On the test set this net is ${more.toFixed(2)} points better than the given one, which fine-tuning has made better first: a larger allowed loss, or a size to reach, gives a smaller net`,
    )
  }

  private async createLoop(opened: OpenedModel, state: State | undefined): Promise<Loop> {
    const { settings, checkpointIntervalIterations, device, tf32, threads } = this.request
    const common = {
      session: opened.session,
      net: loopNet(opened),
      onEvent: (event: RunEvent) => this.emit(event),
      checkpointIntervalIterations,
      writeCheckpoint: (point: CheckpointPoint | CycleCheckpoint) => this.checkpoint(opened, point),
    }
    if (!isCycles(settings)) {
      const compressor = new Compressor({ ...common, settings, state: ofLoop(state) })
      return Object.assign(compressor, { close: async () => undefined })
    }
    const { addon, signal } = this.deps
    const around = await cycleSurroundings(opened, settings, this.folder.path, {
      engine: { addon, device, tf32, threads },
      reopen: (plain) => this.openBy(plain),
      signal,
    })
    this.validationImages = around.validation?.images ?? null
    const loop = new CycleLoop({ ...common, ...around, settings, state: ofCycles(state) })
    return Object.assign(loop, { close: around.close })
  }

  private async stopped(): Promise<null> {
    const state = this.deps.signal?.reason === 'paused' ? 'paused' : 'stopped'
    await this.folder.update({ state, ended: new Date().toISOString() })
    return null
  }

  /** Answers when the session's state is in its file. Checksums and putting in place go on while training does: the next
   *  checkpoint, and the end of the run, wait for it and say what failed. */
  private async checkpoint(opened: OpenedModel, point: CheckpointPoint | CycleCheckpoint): Promise<void> {
    await this.written
    if (this.journal === null) return
    const content: CheckpointContent = {
      formatVersion: 1,
      solverIteration: point.solverIteration,
      loop: point.state,
      journal: await this.journal.sync(),
      elapsedSeconds: this.elapsedSeconds(),
      cpuSeconds: this.cpuSeconds(),
      metrics: await this.metrics(opened),
    }
    const name = checkpointName(point.solverIteration, point.generation)
    const { checkpointsFolder } = this.folder
    await new Promise<void>((saved, failed) => {
      const save = (file: string): Promise<void> => opened.session.saveState(file).then(saved)
      this.written = writeCheckpoint(
        checkpointsFolder,
        name,
        content,
        save,
        this.request.keepCheckpoints,
      ).then(({ folder, bytes }) => {
        this.emit({ kind: 'checkpoint', iteration: point.solverIteration, folder, bytes })
      })
      this.written.catch(failed)
    })
  }

  private async metrics(opened: OpenedModel): Promise<CheckpointMetrics> {
    const { prunableLayers } = opened.session
    const { compression } = sessionSparsity(prunableLayers, await opened.session.keptCounts())
    return {
      accuracy: this.tested?.accuracy ?? null,
      accuracyIteration: this.tested?.iteration ?? null,
      compression,
    }
  }

  private async result(opened: OpenedModel, state: State): Promise<RunResult> {
    const sparsity = sessionSparsity(opened.session.prunableLayers, await opened.session.keptCounts())
    const { train, search, test } = state.seconds
    const chosen = ofCycles(state)?.chosen ?? null
    const total = this.elapsedSeconds()
    return {
      runDir: this.folder.path,
      compression: sparsity.compression,
      accuracy: chosen?.testAccuracy ?? this.lastTest?.accuracy ?? Number.NaN,
      referenceAccuracy: this.folder.record.model?.referenceAccuracy ?? Number.NaN,
      seed: this.request.settings.seed,
      iterations: opened.session.iteration,
      sparsity,
      seconds: { total, train, search, test, other: Math.max(0, total - train - search - test) },
      peakResidentBytes: process.resourceUsage().maxRSS * 1024,
      cpuSeconds: this.cpuSeconds(),
      ...(this.request.tf32 === true && this.request.device === 'cuda' ? { tf32: true as const } : {}),
      ...validationOf(state, this.request.settings, this.validationImages),
    }
  }

  /** Records the failure; answers the error to throw. */
  private async fail(error: AppError): Promise<AppError> {
    this.log(error.describe(), 'error')
    this.emit({ kind: 'error', error: toErrorRecord(error) })
    // On a full or read-only disk this fails as well; the error that led here is the one to tell.
    await this.folder
      .update({ state: 'failed', ended: new Date().toISOString(), error: error.toRecord() })
      .catch(() => undefined)
    return error
  }

  private get total(): number {
    const { model, request } = this.folder.record
    return plannedIterations(request.settings, model?.prunableParameters ?? null)
  }

  private elapsedSeconds(): number {
    return this.secondsBefore + (performance.now() - this.begun) / 1000
  }

  private cpuSeconds(): number {
    const { user, system } = process.cpuUsage(this.cpuBegun)
    return this.cpuSecondsBefore + (user + system) / 1e6
  }

  private phase(phase: 'preparing' | 'reference' | 'finished', text: string, iteration = 0): void {
    this.emit({ kind: 'phase', phase, text, iteration, iterations: this.total })
  }

  private log(text: string, level: LogLevel = 'info'): void {
    this.emit({ kind: 'log', timeMs: Date.now(), level, text })
  }

  private emit(event: RunEvent): void {
    if (event.kind === 'test') {
      const { accuracy, iteration } = event.record
      this.lastTest = event.record
      if (iteration > 0 && Number.isFinite(accuracy)) this.tested = { accuracy, iteration }
    }
    this.journal?.append(event)
    this.onEvent(event)
  }
}
