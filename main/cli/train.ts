// olmp train FOLDER: the solver's own training, from the fillers, from given weights or from a snapshot.

import { existsSync } from 'node:fs'
import path from 'node:path'

import { readSolverState, releaseWeights } from '../caffe/caffemodel'
import type { SolverStateFile } from '../caffe/model'
import { matchHistory } from '../caffe/weights'
import { writeCaffemodel } from '../caffe/writeCaffemodel'
import { loadAddon } from '../engine/addon'
import { AppError } from '../net/errors'
import { testLines, trainLines } from '../olmp/logLines'
import { testRecord } from '../olmp/records'
import { rawWeights } from '../onnx/sessionWeights'
import { memoryLines } from '../runs/gpuMemory'
import { loopNet } from '../runs/loopNet'
import { batchOf, openModel, type OpenedModel } from '../runs/openModel'
import type { ModelSource, TestRecord } from '../runs/types'
import { cacheFolder } from './environment'
import { duration, percent } from './format'
import type { Context } from './options'
import type { Terminal } from './terminal'

export interface TrainFlags {
  iterations?: number
  out?: string
  weights?: string
  /** A .solverstate to go on from, with the weights it names. */
  snapshot?: string
}

/** Training starts from `--weights` only where they are named: a folder's own caffemodel is the result of training. */
export async function trainCommand(context: Context, given: ModelSource, flags: TrainFlags): Promise<void> {
  const { terminal, threads, device, tf32, seed } = context
  const started = performance.now()
  const state = flags.snapshot === undefined ? null : await readSolverState(path.resolve(flags.snapshot))
  const source = state === null ? given : { ...given, weights: given.weights ?? weightsOf(state) }
  const opened = await openModel(source, {
    addon: loadAddon(),
    cacheFolder: cacheFolder(),
    threads,
    device,
    tf32,
    seed,
    rateEncoding: 'exact',
    needs: { train: true, test: true, weights: source.weights !== undefined, accuracy: true },
    onProgress: (text) => terminal.progress(text, 0, 1),
  })
  try {
    terminal.endProgress()
    for (const { text } of memoryLines(opened, batchOf)) terminal.log(text)
    const { train, model, session } = opened
    if (train === null || model.solver === null)
      throw new AppError('no-train-net', 'there is nothing to train', { file: model.folder })
    if (state !== null) {
      await session.loadParameters(matchHistory(state, session.parameters))
      await session.setIteration(state.iter)
    }
    const iterations = flags.iterations ?? model.solver.max_iter
    if (session.iteration >= iterations) {
      throw new AppError('nothing-to-train', `iteration ${session.iteration} of ${iterations} is reached`, {
        file: state?.file,
        hint: 'give a larger --iterations',
      })
    }
    const tested = await runSolver(terminal, opened, iterations)
    const file = path.resolve(
      flags.out ?? `${model.name.replace(/[^\w.-]+/g, '-')}_iter_${iterations}.caffemodel`,
    )
    const blobs = { value: rawWeights(session), mask: async () => undefined }
    const bytes = await writeCaffemodel(train, blobs, file, 'plain')
    const seconds = (performance.now() - started) / 1000
    const { accuracy, loss } = tested
    terminal.result({ file, bytes, iterations, accuracy, loss, seed, seconds }, () => [
      `Snapshot: ${file}`,
      `Accuracy ${percent(accuracy)} on the whole test set after ${iterations} iterations, ${duration(seconds)}`,
    ])
  } finally {
    await opened.close()
    if (state !== null) releaseWeights(state)
  }
}

/** The weights a snapshot belongs to: their path was written on another machine, their file lies beside it. */
function weightsOf({ file, learnedNet }: SolverStateFile): string {
  const weights = path.join(path.dirname(file), path.basename(learnedNet.replaceAll('\\', '/')))
  if (learnedNet !== '' && existsSync(weights)) return weights
  throw new AppError('missing-file', `the weights of this snapshot, '${learnedNet}', are not beside it`, {
    file,
    hint: 'put them there, or name them: --weights FILE',
  })
}

/** Caffe's Solver::Solve: display and test at their intervals, test at the end. */
async function runSolver(terminal: Terminal, opened: OpenedModel, iterations: number): Promise<TestRecord> {
  const { session, model } = opened
  const net = loopNet(opened)
  const display = model.solver?.display ?? 0
  const interval = model.solver?.test_interval ?? 0
  const test = async (iteration: number): Promise<TestRecord> => {
    const values = await session.test(net.testIterations)
    for (const line of testLines(iteration, net.testOutputs, values)) terminal.log(line)
    return testRecord(iteration, net, values, 1)
  }
  const first = session.iteration
  terminal.progress('Training', first, iterations)
  for (let iteration = first; iteration < iterations;) {
    if (interval > 0 && iteration % interval === 0 && iteration > first) await test(iteration)
    const chunk = Math.min(
      iterations - iteration,
      ...[display, interval].filter((step) => step > 0).map((step) => step - (iteration % step)),
      100,
    )
    const { rows, stop } = await session.train(chunk)
    if (stop === 'nonFiniteLoss') {
      throw new AppError(
        'diverged',
        `the loss stopped being a finite number at iteration ${session.iteration}`,
        { file: model.files.solver.chosen ?? undefined, hint: 'lower base_lr in the solver' },
      )
    }
    const width = net.trainOutputs.length + 2
    if (display > 0 && iteration % display === 0) {
      const row = rows.subarray(0, width)
      for (const line of trainLines(iteration, row[width - 2], net.trainOutputs, row, row[width - 1]))
        terminal.log(line)
    }
    iteration += chunk
    terminal.advance(iteration, `loss ${rows[rows.length - 2].toFixed(4)}`)
  }
  return test(iterations)
}
