// Excerpts of a layer's weights and masks: of the reference model read from its file in place, with a crate to look ahead
// with; of a run from a checkpoint's state. All layers of a checkpoint are taken at once and kept for a while, because
// opening it is what takes time.

import { open, stat } from 'node:fs/promises'
import { basename, join } from 'node:path'

import { releaseWeights } from '../../caffe/caffemodel'
import type { ImportedModel } from '../../caffe/model'
import { matchWeights, parametersOf } from '../../caffe/weights'
import { AppError } from '../../net/errors'
import { isPrunable, type LayerOf, type NetGraph } from '../../net/graph'
import type { LayerWeights } from '../../projects/netTypes'
import {
  ENGINE_STATE_FILE,
  findCheckpoint,
  listCheckpoints,
  readCheckpoint,
  type Checkpoint,
} from '../../runs/checkpoints'
import { importModel, openModel } from '../../runs/openModel'
import { RunFolder } from '../../runs/RunFolder'
import { settingsOptions } from '../../runs/sampling'
import type { ModelSource } from '../../runs/types'
import {
  absoluteMoments,
  histogram,
  keptCount,
  layoutOf,
  maskAt,
  type MaskedValues,
  maskPicture,
} from '../../runs/weightPicture'
import type { BlobPlacement } from '../binding'
import type { EngineServices } from '../EngineServices'
import { type JobControl, type JobsOf, throwIfCancelled } from './job'

type Prunable = LayerOf<'Convolution'> | LayerOf<'InnerProduct'>
type Excerpts = Map<string, LayerWeights>

/** Checkpoints whose excerpts are kept: a few that are compared. */
const KEPT = 4
const checkpoints = new Map<string, Promise<Excerpts>>()

interface ReferenceLayer {
  layer: Prunable
  blobs: MaskedValues[]
}
/** The layer last looked at, whose crate is being moved. */
let reference: { key: string; read: Promise<ReferenceLayer> } | null = null

export const layerWeightsJobs: JobsOf<'layerWeights'> = {
  async layerWeights(engine, { source, run, layer, rate }, control) {
    if (run === undefined) return ofReference(await readReference(engine, source, layer, control), rate)
    const excerpts = await ofRun(engine, run.runFolder, run.checkpoint, control)
    return excerpts.get(layer) ?? unknownLayer(layer)
  },
}

function unknownLayer(layer: string): never {
  throw new AppError('no-weights', `the layer '${layer}' has no weights of its own to prune`, {
    hint: 'choose a convolution or an inner product',
  })
}

function ofReference({ layer, blobs }: ReferenceLayer, rate: number | undefined): LayerWeights {
  const { mu, sigma } = absoluteMoments(blobs)
  if (rate === undefined) {
    return excerpt(layer, blobs, { checkpoint: null, mu, sigma, rate: null, threshold: null })
  }
  const threshold = Math.max(mu + rate * sigma, 0)
  const pruned = blobs.map(({ values, mask }) => ({ values, mask: maskAt(threshold, values, mask) }))
  return excerpt(layer, pruned, { checkpoint: null, mu, sigma, rate, threshold })
}

async function readReference(
  engine: EngineServices,
  source: ModelSource,
  layer: string,
  control: JobControl<'layerWeights'>,
): Promise<ReferenceLayer> {
  // The files chosen, or those in the folder, may change under the same name.
  const files = [source.folder, source.net, source.weights].filter((file) => file !== undefined)
  const times = await Promise.all(files.map(async (file) => (await stat(file).catch(() => null))?.mtimeMs))
  const key = JSON.stringify([source, times, layer])
  if (reference?.key === key) return reference.read
  const read = readLayer(engine, source, layer, control)
  reference = { key, read }
  read.catch(() => {
    if (reference?.read === read) reference = null
  })
  return read
}

async function readLayer(
  { addon, folders }: EngineServices,
  source: ModelSource,
  name: string,
  { onProgress }: JobControl<'layerWeights'>,
): Promise<ReferenceLayer> {
  const model = await importModel(source, { addon, cacheFolder: folders.cache, onProgress })
  try {
    if (model.weights === null) {
      throw new AppError('no-weights', 'there are no trained weights in the folder', {
        file: model.folder,
        hint: 'add the .caffemodel, or choose it',
      })
    }
    const graphs = graphsOf(model)
    const parameters = parametersOf(graphs)
    const { placements } = matchWeights(model.weights, parameters, graphs)
    const own = placements.filter(({ parameter }) => parameters[parameter].layer === name)
    const layer = prunableOf(graphs).find((candidate) => candidate.name === name)
    if (layer === undefined || own.length === 0) return unknownLayer(name)
    const blobs: MaskedValues[] = []
    for (const place of own.filter(({ part }) => part === 'value')) {
      const mask = own.find(({ part, parameter }) => part === 'mask' && parameter === place.parameter)
      const values = await readValues(place)
      blobs.push({ values, mask: mask === undefined ? undefined : await readValues(mask) })
    }
    return { layer, blobs }
  } finally {
    if (model.weights !== null) releaseWeights(model.weights)
  }
}

async function ofRun(
  engine: EngineServices,
  runFolder: string,
  name: string | undefined,
  control: JobControl<'layerWeights'>,
): Promise<Excerpts> {
  const run = await RunFolder.open(runFolder)
  const checkpoint = await chosenCheckpoint(run, name)
  const key = checkpoint.folder
  const excerpts = checkpoints.get(key) ?? ofCheckpoint(engine, run, checkpoint, control)
  // Set anew, the newest is the last.
  checkpoints.delete(key)
  checkpoints.set(key, excerpts)
  excerpts.catch(() => checkpoints.delete(key))
  for (const old of [...checkpoints.keys()].slice(0, -KEPT)) checkpoints.delete(old)
  return excerpts
}

async function chosenCheckpoint(run: RunFolder, name: string | undefined): Promise<Checkpoint> {
  if (name === undefined) {
    const { checkpoint } = await findCheckpoint(run.checkpointsFolder)
    if (checkpoint !== null) return checkpoint
    throw new AppError('no-checkpoint', 'the run has no whole checkpoint yet', {
      file: run.checkpointsFolder,
      hint: 'let it run until its first checkpoint, or resume it',
    })
  }
  const folder = (await listCheckpoints(run.checkpointsFolder)).find((entry) => basename(entry) === name)
  if (folder !== undefined) return readCheckpoint(folder)
  throw new AppError('no-checkpoint', `the run has no checkpoint '${name}' any more`, {
    file: run.checkpointsFolder,
    hint: 'choose another one',
  })
}

async function ofCheckpoint(
  { addon, folders }: EngineServices,
  run: RunFolder,
  checkpoint: Checkpoint,
  { onProgress, signal }: JobControl<'layerWeights'>,
): Promise<Excerpts> {
  const { source, settings, device } = run.record.request
  const opened = await openModel(source, {
    addon,
    cacheFolder: folders.cache,
    threads: 1,
    device,
    ...settingsOptions(settings),
    onProgress,
  })
  try {
    const { session } = opened
    // The reference's, which the run goes by: taken before its state replaces the weights.
    const moments = await session.computeMoments()
    await session.loadState(join(checkpoint.folder, ENGINE_STATE_FILE))
    const excerpts: Excerpts = new Map()
    const { solverIteration, loop } = checkpoint.content
    const at = { runId: run.record.id, name: basename(checkpoint.folder), iteration: solverIteration }
    for (const layer of prunableOf(graphsOf(opened.model))) {
      throwIfCancelled(signal)
      const position = session.prunableLayers.indexOf(layer.name)
      const blobs: MaskedValues[] = []
      for (const [index, { layer: owner }] of session.parameters.entries()) {
        if (owner !== layer.name) continue
        const values = await session.getParameter(index, 'value')
        blobs.push({ values, mask: await session.getParameter(index, 'mask') })
      }
      if (position < 0 || blobs.length === 0) continue
      const { mu, sigma } = moments[position]
      const whole = blobs.every((blob) => keptCount(blob) === blob.values.length)
      // A compression in cycles has no thresholds.
      const rate = whole || !('rates' in loop) ? null : loop.rates[position]
      const threshold = rate === null ? null : Math.max(mu + rate * sigma, 0)
      excerpts.set(layer.name, excerpt(layer, blobs, { checkpoint: at, mu, sigma, rate, threshold }))
    }
    return excerpts
  } finally {
    await opened.close()
  }
}

function excerpt(
  layer: Prunable,
  blobs: MaskedValues[],
  own: Pick<LayerWeights, 'checkpoint' | 'mu' | 'sigma' | 'rate' | 'threshold'>,
): LayerWeights {
  const [weights, bias] = blobs
  const transposed = layer.type === 'InnerProduct' && layer.params.transpose
  return {
    layer: layer.name,
    ...own,
    weights: weights.values.length,
    biases: bias?.values.length ?? 0,
    keptWeights: keptCount(weights),
    keptBiases: bias === undefined ? 0 : keptCount(bias),
    histogram: histogram(blobs),
    mask: maskPicture(layoutOf(layer.parameters[0].shape, transposed), weights.mask),
  }
}

function graphsOf({ train, test, deploy }: ImportedModel): NetGraph[] {
  const graphs = [train, test].filter((graph) => graph !== null)
  return graphs.length === 0 && deploy !== null ? [deploy] : graphs
}

/** Each once, in net order. */
function prunableOf(graphs: NetGraph[]): Prunable[] {
  const byName = new Map<string, Prunable>()
  for (const layer of graphs.flatMap(({ layers }) => layers)) {
    if (isPrunable(layer) && !byName.has(layer.name)) byName.set(layer.name, layer)
  }
  return [...byName.values()]
}

async function readValues({ file, offsetBytes, count, type }: BlobPlacement): Promise<Float32Array> {
  const bytes = new Uint8Array(count * (type === 'float32' ? 4 : 8))
  const handle = await open(file, 'r')
  try {
    for (let done = 0; done < bytes.length;) {
      const { bytesRead } = await handle.read(bytes, done, bytes.length - done, offsetBytes + done)
      if (bytesRead === 0) {
        throw new AppError('truncated-file', 'the file ends inside the values of a layer', { file })
      }
      done += bytesRead
    }
  } finally {
    await handle.close()
  }
  return type === 'float32'
    ? new Float32Array(bytes.buffer)
    : Float32Array.from(new Float64Array(bytes.buffer))
}
