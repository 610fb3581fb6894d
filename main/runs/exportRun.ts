// From a run to files: its newest whole checkpoint as a verified ONNX model, or as a caffemodel.

import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'

import { readMean } from '../caffe/caffemodel'
import { writeCaffemodel, type CaffemodelFormat } from '../caffe/writeCaffemodel'
import type { EngineAddon } from '../engine/binding'
import { AppError } from '../net/errors'
import type { LayerOf, NetGraph } from '../net/graph'
import { exportVerifiedOnnx } from '../onnx/exportVerified'
import type { MeanImage, Preprocessing } from '../onnx/preprocessing'
import { rawWeights, weightMasks } from '../onnx/sessionWeights'
import type { VerificationReport } from '../onnx/verify'
import { ENGINE_STATE_FILE, findCheckpoint } from './checkpoints'
import { openModel, type OpenedModel } from './openModel'
import { RunFolder } from './RunFolder'
import { sessionSparsity } from './sparsity'
import type { Sparsity } from './types'

export interface ExportDeps {
  addon: EngineAddon
  /** Where converted datasets are kept. */
  cacheFolder: string
  mnistFolder?: string
  onProgress?: (text: string, done: number, total: number) => void
  signal?: AbortSignal
}

/** Everything the verification found, and what the file holds. */
export interface ExportReport extends VerificationReport {
  file: string
  sparsity: Sparsity
  /** Solver iteration of the checkpoint exported. */
  iteration: number
  /** Size of the caffemodel the run started from. */
  referenceBytes: number
}

/** Writes the pruned net as ONNX and runs it and the engine over the whole test set; the file stays only if both agree.
 *  Throws AppError: 'no-checkpoint', 'not-exportable', 'verification-failed', what opening the model refuses. */
export async function exportOnnx(runFolder: string, file: string, deps: ExportDeps): Promise<ExportReport> {
  return withCheckpoint(runFolder, deps, async ({ opened, iteration, sparsity }) => {
    const { model, session, test } = opened
    if (model.deploy === null || test === null || model.weights === null) {
      throw new AppError('no-deploy-net', 'no deploy form of the net could be made', { file: model.folder })
    }
    const report = await exportVerifiedOnnx({
      file,
      deployGraph: model.deploy,
      testGraph: test,
      addon: deps.addon,
      session,
      preprocessing: await preprocessingOf(test),
      info: {
        compression: sparsity.compression,
        parametersTotal: sparsity.total,
        parametersKept: sparsity.kept,
        source: model.name,
      },
      onProgress: (done, total) => deps.onProgress?.('Comparing with onnxruntime', done, total),
      signal: deps.signal,
    })
    const referenceBytes = (await stat(model.weights.file)).size
    return { ...report, file, sparsity, iteration, referenceBytes }
  })
}

/** Writes the pruned net as a caffemodel; 'masked' is the authors' format. Returns its size in bytes. */
export async function exportCaffemodel(
  runFolder: string,
  file: string,
  format: CaffemodelFormat,
  deps: ExportDeps,
): Promise<{ file: string; bytes: number; sparsity: Sparsity; iteration: number }> {
  return withCheckpoint(runFolder, deps, async ({ opened, iteration, sparsity }) => {
    const { train, session } = opened
    if (train === null) throw new AppError('no-train-net', 'the run has no training net', { file: runFolder })
    const blobs = { value: rawWeights(session), mask: weightMasks(session) }
    const bytes = await writeCaffemodel(train, blobs, file, format)
    return { file, bytes, sparsity, iteration }
  })
}

interface AtCheckpoint {
  opened: OpenedModel
  iteration: number
  sparsity: Sparsity
}

async function withCheckpoint<T>(
  runFolder: string,
  deps: ExportDeps,
  work: (at: AtCheckpoint) => Promise<T>,
): Promise<T> {
  const folder = await RunFolder.open(runFolder)
  const { checkpoint } = await findCheckpoint(folder.checkpointsFolder)
  if (checkpoint === null) {
    throw new AppError('no-checkpoint', 'the run has no whole checkpoint yet', {
      file: folder.checkpointsFolder,
      hint: 'let it run until its first checkpoint, or resume it',
    })
  }
  const { request } = folder.record
  const opened = await openModel(request.source, {
    addon: deps.addon,
    cacheFolder: deps.cacheFolder,
    mnistFolder: deps.mnistFolder,
    threads: request.threads,
    device: request.device,
    seed: request.settings.seed,
    rateEncoding: request.settings.searchMode === 'as-published' ? 'mask-element' : 'exact',
    onProgress: (text) => deps.onProgress?.(text, 0, 1),
  })
  try {
    await opened.session.loadState(join(checkpoint.folder, ENGINE_STATE_FILE))
    const sparsity = sessionSparsity(opened.session.prunableLayers, await opened.session.keptCounts())
    return await work({ opened, iteration: checkpoint.content.solverIteration, sparsity })
  } finally {
    await opened.close()
  }
}

/** What the test net's data layer does to stored pixels. */
export async function preprocessingOf(test: NetGraph): Promise<Preprocessing | undefined> {
  const layer = test.layers.find((candidate): candidate is LayerOf<'Data'> => candidate.type === 'Data')
  if (layer === undefined) return undefined
  const { transform } = layer.params
  if (transform.mean_file === '') return { transform }
  return { transform, meanImage: await meanImage(transform.mean_file) }
}

async function meanImage(file: string): Promise<MeanImage> {
  const blob = await readMean(file)
  const [channels, height, width] = blob.shape.slice(-3)
  const stored = await readFile(blob.file)
  const bytes = stored.buffer.slice(
    stored.byteOffset + blob.offsetBytes,
    stored.byteOffset + blob.offsetBytes + blob.count * (blob.type === 'float32' ? 4 : 8),
  )
  const values =
    blob.type === 'float32' ? new Float32Array(bytes) : Float32Array.from(new Float64Array(bytes))
  return { shape: [channels, height, width], values }
}
