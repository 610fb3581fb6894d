// From a model's source to a session ready to run: imports the folder, finds its data, builds the nets in the engine and
// loads the weights. The one place where importer, datasets and engine meet.

import { importFolder } from '../caffe/folder'
import { releaseWeights } from '../caffe/caffemodel'
import type { ImportedModel, WeightFile } from '../caffe/model'
import { matchWeights } from '../caffe/weights'
import { resolveDataset } from '../data'
import type { EngineAddon, MemoryEstimate, Session, SessionOptions } from '../engine/binding'
import { engineError } from '../engine/errors'
import { addAccuracy, ensureTrainable } from '../net/analysis'
import { AppError } from '../net/errors'
import type { LayerOf, NetGraph, Phase, Sampling, SolverSpec } from '../net/graph'
import { sampled } from './sampling'
import { coveringBatch } from './testCoverage'
import type { ModelSource } from './types'

export interface ImportModelOptions {
  addon: EngineAddon
  /** Where converted datasets and unpacked weights are kept. */
  cacheFolder: string
  /** MNIST's idx files; found where absent. */
  mnistFolder?: string
  onProgress?: (text: string) => void
}

export interface OpenOptions extends ImportModelOptions {
  threads: number
  seed: number
  device: 'cpu' | 'cuda'
  tf32?: boolean
  rateEncoding: SessionOptions['rateEncoding']
  /** In place of what the solver says. */
  solver?: Partial<SolverSpec>
  /** How the training data is read, given its images; absent: as Caffe does. */
  sampling?: (images: number) => Sampling
  /** What the caller cannot do without; the default is what a compression needs. A net of a phase that is not needed is
   *  left out of the session; without `weights` stored ones are left alone and every parameter is filled; without
   *  `accuracy` the nets run as they stand. */
  needs?: { train: boolean; test: boolean; weights: boolean; accuracy: boolean }
}

export interface OpenedModel {
  model: ImportedModel
  /** As given to the session: with an Accuracy layer where one was added. */
  train: NetGraph | null
  test: NetGraph | null
  session: Session
  /** Of the device's memory before the session was made; null on the CPU. */
  memory: MemoryEstimate | null
  /** Entries of the datasets; 0 for a phase left out. */
  trainImages: number
  testImages: number
  /** Test batches that hold every test image exactly once. */
  testIterations: number
  /** Layers without stored weights, initialised by their fillers. */
  initialised: string[]
  /** Puts the parameters of the weights into the session once more. */
  reload: () => Promise<void>
  close(): Promise<void>
}

/** Throws AppErrors of the importer, of the datasets and of the engine, and 'no-train-net', 'no-test-net', 'no-solver',
 *  'no-weights', 'no-dataset'. */
export async function openModel(source: ModelSource, options: OpenOptions): Promise<OpenedModel> {
  const needs = options.needs ?? { train: true, test: true, weights: true, accuracy: true }
  const model = await importModel(source, options)
  try {
    const train = needs.train ? trainNet(model, needs.accuracy, options.sampling) : null
    const test = needs.test ? netOf(model, 'TEST', needs.accuracy) : null
    if (train !== null) requireSolver(model)
    if (needs.weights && model.weights === null) {
      throw new AppError('no-weights', 'there are no trained weights in the folder', {
        file: model.folder,
        hint: 'add the .caffemodel, or choose it',
      })
    }
    const { session, memory } = await createSession(model, train, test, options)
    const load = (): Promise<string[]> =>
      loadWeights(needs.weights ? model.weights : null, session, [train, test])
    const initialised = await load().catch(async (error: unknown) => {
      await session.close()
      throw error
    })
    const testImages = entries(model, test)
    return {
      model,
      train,
      test,
      session,
      memory,
      trainImages: entries(model, train),
      testImages,
      testIterations: test === null ? 0 : testImages / batchOf(test),
      initialised,
      async reload() {
        await load()
      },
      async close() {
        await session.close()
        if (model.weights !== null) releaseWeights(model.weights)
      },
    }
  } catch (error) {
    if (model.weights !== null) releaseWeights(model.weights)
    throw engineError(error)
  }
}

/** Imports the folder with its datasets made ready for the engine. The caller releases the weights (releaseWeights). */
export function importModel(source: ModelSource, options: ImportModelOptions): Promise<ImportedModel> {
  const { addon, cacheFolder, mnistFolder, onProgress } = options
  return importFolder(source, {
    cacheFolder,
    describeDatums: (folder) => addon.describeDatums(folder),
    resolveData: ({ kind, path }) =>
      resolveDataset(
        { kind, path },
        {
          addon,
          cacheFolder,
          mnistFolder,
          onProgress: ({ stage, entries: done }) => onProgress?.(`${stage}: ${done} entries`),
        },
      ),
    testBatchSize: coveringBatch,
    onProgress: (text) => onProgress?.(text),
  })
}

function netOf(model: ImportedModel, phase: Phase, accuracy: boolean): NetGraph {
  const graph = phase === 'TRAIN' ? model.train : model.test
  if (graph === null) {
    const reason = model.notes.find(({ message }) => message.startsWith(`no ${phase} net`))
    throw new AppError(
      phase === 'TRAIN' ? 'no-train-net' : 'no-test-net',
      reason?.message ?? `the folder has no net for the ${phase} phase`,
      {
        file: reason?.file ?? model.folder,
        line: reason?.line,
        hint: 'add a train_val or train_test prototxt with data layers for both phases',
      },
    )
  }
  const missing = model.data.find((data) => data.phase === phase && data.resolved === null)
  if (missing !== undefined) {
    throw new AppError('no-dataset', `the ${phase} data '${missing.statedSource}' is not here`, {
      file: graph.layers[0]?.at?.file ?? model.folder,
      line: graph.layers.find((layer) => layer.name === missing.layer)?.at?.line,
      hint: `choose the dataset for the ${phase} phase`,
    })
  }
  if (phase === 'TRAIN') ensureTrainable(graph)
  return accuracy ? addAccuracy(graph) : graph
}

function trainNet(model: ImportedModel, accuracy: boolean, sampling: OpenOptions['sampling']): NetGraph {
  const graph = netOf(model, 'TRAIN', accuracy)
  return sampling === undefined ? graph : sampled(graph, sampling(entries(model, graph)))
}

function requireSolver(model: ImportedModel): void {
  if (model.solver !== null) return
  throw new AppError('no-solver', 'there is no solver in the folder', {
    file: model.folder,
    hint: 'add the solver.prototxt, which holds the learning rate and decay',
  })
}

async function createSession(
  model: ImportedModel,
  train: NetGraph | null,
  test: NetGraph | null,
  { addon, device, tf32, threads, seed, rateEncoding, solver }: OpenOptions,
): Promise<Pick<OpenedModel, 'session' | 'memory'>> {
  const options: SessionOptions = {
    train: train === null ? undefined : JSON.stringify(train),
    test: test === null ? undefined : JSON.stringify(test),
    solver: train === null ? undefined : JSON.stringify({ ...model.solver, ...solver }),
    device,
    tf32,
    threads,
    seed,
    rateEncoding,
  }
  const memory = device === 'cpu' ? null : await addon.estimateMemory(options)
  return { session: await addon.createSession(options), memory }
}

async function loadWeights(
  weights: WeightFile | null,
  session: Session,
  nets: (NetGraph | null)[],
): Promise<string[]> {
  if (weights === null) {
    await session.fillParameters()
    return [...new Set(session.parameters.map((parameter) => parameter.layer))]
  }
  const graphs = nets.filter((graph) => graph !== null)
  const { placements, missing } = matchWeights(weights, session.parameters, graphs)
  // Only what is not stored: a filler works in a buffer as large as its blob.
  const unfilled = session.parameters.flatMap(({ layer }, i) => (missing.includes(layer) ? [i] : []))
  await session.fillParameters(unfilled)
  await session.loadParameters(placements)
  return missing
}

function dataLayer(graph: NetGraph): LayerOf<'Data'> | undefined {
  return graph.layers.find((layer): layer is LayerOf<'Data'> => layer.type === 'Data')
}

/** Images of a batch; 1 for nets without a dataset. */
export function batchOf(graph: NetGraph): number {
  return dataLayer(graph)?.params.batch_size ?? 1
}

function entries(model: ImportedModel, graph: NetGraph | null): number {
  if (graph === null) return 0
  const layer = dataLayer(graph)?.name
  const data = model.data.find((candidate) => candidate.phase === graph.phase && candidate.layer === layer)
  return data?.info?.entries ?? 0
}
