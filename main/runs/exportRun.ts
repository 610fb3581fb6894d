// From a run (or the model it started from) to a file: ONNX verified in onnxruntime, or a caffemodel read back.

import { readFile, rename, rm, stat } from 'node:fs/promises'
import { basename, join } from 'node:path'

import { readMean } from '../caffe/caffemodel'
import { writeCaffemodel, type CaffemodelFormat } from '../caffe/writeCaffemodel'
import type { EngineAddon } from '../engine/binding'
import { AppError } from '../net/errors'
import { compactNet, type CompactNet } from '../net/compact/compactNet'
import type { LayerOf, NetGraph } from '../net/graph'
import { testRecord } from '../olmp/records'
import { exportVerifiedOnnx } from '../onnx/exportVerified'
import { gzipSize } from '../onnx/gzipSize'
import type { ModelInfo } from '../onnx/metadata'
import type { MeanImage, Preprocessing } from '../onnx/preprocessing'
import { maskedWeights, rawWeights, weightMasks } from '../onnx/sessionWeights'
import { verifyOnnx, type VerificationReport } from '../onnx/verify'
import { ENGINE_STATE_FILE, modelCheckpoint } from './checkpoints'
import { frontName, restoreFromFront } from './front'
import { testNet } from './loopNet'
import type {
  ExportFacts,
  ExportFormat,
  ModelOrigin,
  ModelProgress,
  OnnxFormat,
  SideBySide,
  Verification,
} from './models'
import { openModel, type OpenedModel } from './openModel'
import { readBack } from './readBack'
import { RunFolder } from './RunFolder'
import { settingsOptions } from './sampling'
import { compareModels, describeModel, writeForComparison, type WrittenModel } from './sideBySide'
import { sessionSparsity, sparsityOf as layersSparsity } from './sparsity'
import type { ModelSource, Sparsity } from './types'

export interface ExportDeps {
  addon: EngineAddon
  /** Where converted datasets are kept. */
  cacheFolder: string
  mnistFolder?: string
  /** Of the engine; absent: as the run was started with, 1 for a reference. */
  threads?: number
  onProgress?: (progress: ModelProgress) => void
  signal?: AbortSignal
}

/** The operator set exported models are written for. */
const OPSET = 13

/** Writes the net and verifies the file, which stays only if that succeeds. Throws AppError: 'no-checkpoint',
 *  'corrupt-checkpoint', 'not-exportable', 'verification-failed', what opening the model refuses. */
export async function exportModel(
  origin: ModelOrigin,
  format: ExportFormat,
  file: string,
  deps: ExportDeps,
): Promise<ExportFacts> {
  const compact = isCompact(format)
  const beside = { original: `${file}.original`, masked: `${file}.masked` }
  const writeOriginal = (opened: OpenedModel) =>
    compact ? writePlain(beside.original, opened, deps) : Promise.resolve(null)
  try {
    return await withModel(origin, deps, writeOriginal, async (at, original) => {
      const found = isOnnx(format)
        ? await writeOnnxFile(at, format, file, deps)
        : { verification: await writeCaffeFile(at, caffeFormat(format), file, deps), net: null }
      const { net, verification } = found
      const sideBySide =
        original === null || net === null
          ? undefined
          : await compareWith(original, beside.masked, { ...at, net, file }, deps)
      const { model } = at.opened
      if (model.weights === null) throw new AppError('no-weights', 'the model has no weights', { file })
      return {
        checkpoint: at.checkpoint,
        sparsity: isOnnx(format) ? deployedSparsity(at) : at.sparsity,
        bytes: (await stat(file)).size,
        gzipBytes: sideBySide?.compact.gzipBytes ?? (await gzipSize(file, deps.signal)),
        opset: isOnnx(format) ? OPSET : null,
        verification,
        caffemodel: {
          file: model.files.weights.chosen ?? model.weights.file,
          bytes: (await stat(model.weights.file)).size,
        },
        ...(sideBySide === undefined ? {} : { sideBySide }),
      }
    })
  } finally {
    for (const name of Object.values(beside)) await rm(name, { force: true })
  }
}

/** The same check for a file written before. Throws AppError 'verification-failed'. */
export async function verifyModel(
  origin: ModelOrigin,
  format: ExportFormat,
  file: string,
  deps: ExportDeps,
): Promise<Verification> {
  return withModel(origin, deps, nothing, async (at) => {
    if (!isOnnx(format)) return verifyCaffeFile(at, caffeFormat(format), file, deps)
    return verificationOf(await verifyOnnx({ ...(await onnxSubject(at, deps)), file }))
  })
}

/** Everything the verification of a run's ONNX export found, and what the file holds. */
export interface ExportReport extends VerificationReport {
  file: string
  sparsity: Sparsity
  /** Solver iteration of the checkpoint exported. */
  iteration: number
  /** Size of the caffemodel the run started from. */
  referenceBytes: number
  /** Of the newest compact export. */
  sideBySide?: SideBySide
}

interface AtModel {
  opened: OpenedModel
  checkpoint: { name: string; iteration: number } | null
  sparsity: Sparsity
}

async function writeOnnxFile(
  at: AtModel,
  format: OnnxFormat,
  file: string,
  deps: ExportDeps,
): Promise<{ verification: Verification; net: CompactNet }> {
  deps.onProgress?.({ stage: 'writing', done: 0, total: 0 })
  const { opened } = at
  const subject = await onnxSubject(at, deps)
  const whole = { graph: subject.deployGraph, blobs: maskedWeights(opened.session) }
  const net = isCompact(format) ? await compactNet(whole.graph, whole.blobs) : whole
  const report = await exportVerifiedOnnx({
    ...subject,
    deployGraph: net.graph,
    weights: net.blobs,
    file,
    opset: OPSET,
    weightStorage: format.endsWith('-sparse') ? 'sparse' : 'dense',
    info: infoOf(opened, deployedSparsity(at)),
  })
  return { verification: verificationOf(report), net }
}

/** Of the layers that the deployed net has: auxiliary classifiers have only helped to train it. */
function deployedSparsity({
  opened: { model },
  sparsity: { layers },
}: Pick<AtModel, 'opened' | 'sparsity'>): Sparsity {
  const deployed = new Set(model.deploy?.layers.map(({ name }) => name))
  return layersSparsity(layers.filter(({ name }) => deployed.has(name)))
}

function infoOf({ model }: OpenedModel, { compression, total, kept }: Sparsity): ModelInfo {
  return { compression, parametersTotal: total, parametersKept: kept, source: model.name }
}

/** The net as it is in the session, unverified. */
async function writePlain(file: string, opened: OpenedModel, deps: ExportDeps): Promise<WrittenModel> {
  const { deployGraph: graph, preprocessing } = await onnxSubject({ opened }, deps)
  const info = infoOf(opened, deployedSparsity({ opened, sparsity: await sparsityOf(opened) }))
  const options = { opset: OPSET, preprocessing, info } as const
  const net = { graph, blobs: maskedWeights(opened.session), options }
  return writeForComparison(file, net, deps.signal)
}

async function compareWith(
  original: WrittenModel,
  maskedFile: string,
  { opened, net, file }: { opened: OpenedModel; net: CompactNet; file: string },
  deps: ExportDeps,
): Promise<SideBySide> {
  deps.onProgress?.({ stage: 'measuring', done: 0, total: 0 })
  const models = {
    original,
    masked: await writePlain(maskedFile, opened, deps),
    compact: await describeModel(file, net, deps.signal),
  }
  const input = net.graph.layers.find(({ type }) => type === 'Input')
  if (input === undefined) throw new AppError('no-input', 'the net has no Input layer', { file })
  const inputShape = input.top_shapes[0].slice(1)
  return compareModels(models, { input: input.tops[0], inputShape }, deps.signal)
}

/** What exporting and verifying an ONNX file have in common. */
async function onnxSubject({ opened }: Pick<AtModel, 'opened'>, deps: ExportDeps) {
  const { model, session, test } = opened
  if (model.deploy === null || test === null) {
    throw new AppError('no-deploy-net', 'no deploy form of the net could be made', { file: model.folder })
  }
  const preprocessing = await preprocessingOf(test)
  return {
    deployGraph: model.deploy,
    testGraph: test,
    addon: deps.addon,
    session,
    preprocessing,
    included: preprocessing,
    onProgress: (done: number, total: number) => deps.onProgress?.({ stage: 'comparing', done, total }),
    signal: deps.signal,
  }
}

function verificationOf(report: VerificationReport): Verification {
  const { images, accuracyEngine, accuracyOnnx, agreement, maxAbsDiff, tolerance, compared } = report
  return {
    kind: 'onnxruntime',
    images,
    accuracyEngine,
    accuracyOnnx,
    agreement,
    maxAbsDiff,
    tolerance,
    compared,
  }
}

async function writeCaffeFile(
  at: AtModel,
  format: CaffemodelFormat,
  file: string,
  deps: ExportDeps,
): Promise<Verification> {
  deps.onProgress?.({ stage: 'writing', done: 0, total: 0 })
  const temporary = `${file}.unverified`
  try {
    await writeCaffemodel(caffeGraph(at), blobsOf(at), temporary, format)
    const verification = await verifyCaffeFile(at, format, temporary, deps)
    await rename(temporary, file)
    return verification
  } finally {
    await rm(temporary, { force: true })
  }
}

async function verifyCaffeFile(
  at: AtModel,
  format: CaffemodelFormat,
  file: string,
  deps: ExportDeps,
): Promise<Verification> {
  const { signal, onProgress } = deps
  const compared = await readBack({
    file,
    format,
    graph: caffeGraph(at),
    blobs: blobsOf(at),
    onProgress: (done, total) => onProgress?.({ stage: 'reading-back', done, total }),
    signal,
  })
  const accuracyEngine = await testAccuracy(at.opened, signal)
  return { kind: 'read-back', ...compared, accuracyEngine, images: at.opened.testImages }
}

/** NaN where the net has no accuracy. */
async function testAccuracy(opened: OpenedModel, signal?: AbortSignal): Promise<number> {
  const { session, test, testIterations, testImages } = opened
  if (test === null) return Number.NaN
  const cancel = (): void => session.cancel()
  signal?.addEventListener('abort', cancel)
  try {
    await session.rewind('TEST')
    const values = await session.test(testIterations)
    signal?.throwIfAborted()
    return testRecord(0, { ...testNet(test, session), testImages }, values, 1).accuracy
  } finally {
    signal?.removeEventListener('abort', cancel)
  }
}

/** Caffe users train and finetune from it: the training net, where there is one. */
function caffeGraph({ opened: { train, test, model } }: AtModel): NetGraph {
  const graph = train ?? test
  if (graph !== null) return graph
  throw new AppError('no-train-net', 'there is no training net to write', { file: model.folder })
}

function blobsOf({ opened: { session } }: AtModel) {
  return { value: rawWeights(session), mask: weightMasks(session) }
}

function isOnnx(format: ExportFormat): format is OnnxFormat {
  return format.startsWith('onnx')
}

function isCompact(format: ExportFormat): boolean {
  return format.startsWith('onnx-compact')
}

const nothing = (): Promise<null> => Promise.resolve(null)

function caffeFormat(format: 'caffemodel' | 'caffemodel-plain'): CaffemodelFormat {
  return format === 'caffemodel' ? 'masked' : 'plain'
}

/** `prepare` sees the model before the run's weights are put into it: as the run began. */
async function withModel<P, T>(
  origin: ModelOrigin,
  deps: ExportDeps,
  prepare: (opened: OpenedModel) => Promise<P>,
  work: (at: AtModel, prepared: P) => Promise<T>,
): Promise<T> {
  deps.onProgress?.({ stage: 'opening', done: 0, total: 0 })
  if (origin.kind === 'reference') {
    const opened = await openReference(origin.source, deps)
    try {
      const prepared = await prepare(opened)
      return await work({ opened, checkpoint: null, sparsity: await sparsityOf(opened) }, prepared)
    } finally {
      await opened.close()
    }
  }
  const run = await RunFolder.open(origin.runFolder)
  const { source, settings, device, threads } = run.record.request
  const opened = await openModel(source, {
    ...openOptions(deps),
    threads: deps.threads ?? threads,
    device,
    ...settingsOptions(settings),
  })
  try {
    const prepared = await prepare(opened)
    const checkpoint = await bringBack(origin, run, opened)
    return await work({ opened, checkpoint, sparsity: await sparsityOf(opened) }, prepared)
  } finally {
    await opened.close()
  }
}

/** Puts the model's weights into the session; answers what they are called. */
async function bringBack(
  origin: Exclude<ModelOrigin, { kind: 'reference' }>,
  run: RunFolder,
  { session }: OpenedModel,
): Promise<{ name: string; iteration: number }> {
  if (origin.kind === 'front') {
    const { iteration } = await restoreFromFront(run.path, session, origin.iteration)
    return { name: frontName(iteration), iteration }
  }
  const { folder, content } = await modelCheckpoint(run.checkpointsFolder, origin.checkpoint)
  await session.loadState(join(folder, ENGINE_STATE_FILE))
  return { name: basename(folder), iteration: content.solverIteration }
}

function openReference(source: ModelSource, deps: ExportDeps): Promise<OpenedModel> {
  return openModel(source, {
    ...openOptions(deps),
    threads: deps.threads ?? 1,
    device: 'cpu',
    seed: 1,
    rateEncoding: 'exact',
    needs: { train: false, test: true, weights: true, accuracy: true },
  })
}

function openOptions({ addon, cacheFolder, mnistFolder, onProgress }: ExportDeps) {
  const telling = () => onProgress?.({ stage: 'opening', done: 0, total: 0 })
  return { addon, cacheFolder, mnistFolder, onProgress: telling }
}

async function sparsityOf({ session }: OpenedModel): Promise<Sparsity> {
  return sessionSparsity(session.prunableLayers, await session.keptCounts())
}

/** What the test net's data layer does to stored pixels. */
export async function preprocessingOf(test: NetGraph): Promise<Preprocessing | undefined> {
  const layer = test.layers.find((candidate): candidate is LayerOf<'Data'> => candidate.type === 'Data')
  if (layer === undefined) return undefined
  return preprocessingBy(layer)
}

export async function preprocessingBy({ params }: LayerOf<'Data'>): Promise<Preprocessing> {
  const { transform } = params
  if (transform.mean_file === '') return { transform }
  return { transform, meanImage: await meanImage(transform.mean_file) }
}

export async function meanImage(file: string): Promise<MeanImage> {
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
