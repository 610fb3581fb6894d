// Stored blobs to the parameters of a session, by layer name (Net::CopyTrainedLayersFrom of Caffe).

import type { BlobPlacement, ParameterInfo } from '../engine/binding'
import { AppError } from '../net/errors'
import { isPrunable, type NetGraph, type Shape } from '../net/graph'
import type { Note, SolverStateFile, WeightBlob, WeightFile, WeightLayer } from './model'

export interface WeightMatch {
  placements: BlobPlacement[]
  /** Layers with parameters that the file does not have: they keep what their fillers gave. */
  missing: string[]
  /** Layers of the file with blobs that the net does not have. */
  unused: string[]
  notes: Note[]
}

/** Blob::ShapeEquals: legacy blobs have four dimensions, of which leading ones are padding. */
export function shapesMatch(blob: Pick<WeightBlob, 'shape' | 'legacy'>, shape: Shape): boolean {
  const wanted =
    blob.legacy && shape.length <= 4 ? [...new Array<number>(4 - shape.length).fill(1), ...shape] : shape
  return blob.shape.length === wanted.length && blob.shape.every((dim, i) => dim === wanted[i])
}

/** The parameters a session of these graphs has, in its order: by layer and slot, shared ones once. */
export function parametersOf(graphs: NetGraph[]): ParameterInfo[] {
  const result: ParameterInfo[] = []
  const names = new Set<string>()
  const places = new Set<string>()
  const prunable: string[] = []
  for (const graph of graphs) {
    for (const layer of graph.layers) {
      if (isPrunable(layer) && !prunable.includes(layer.name)) prunable.push(layer.name)
      layer.parameters.forEach((parameter, slot) => {
        const place = `${slot}/${layer.name}`
        if (places.has(place) || (parameter.name !== '' && names.has(parameter.name))) return
        places.add(place)
        if (parameter.name !== '') names.add(parameter.name)
        result.push({
          layer: layer.name,
          slot,
          shape: parameter.shape,
          lrMult: parameter.lr_mult,
          decayMult: parameter.decay_mult,
          prunable: prunable.indexOf(layer.name),
        })
      })
    }
  }
  return result
}

function place(blob: WeightBlob, parameter: number, part: BlobPlacement['part']): BlobPlacement {
  const { file, offsetBytes, count, type } = blob
  return { parameter, part, file, offsetBytes, count, type }
}

function checkShape(blob: WeightBlob, info: ParameterInfo, index: number, file: string): void {
  if (shapesMatch(blob, info.shape)) return
  const found = `(${blob.shape.join(', ')})`
  const wanted = `(${info.shape.join(', ')})`
  throw new AppError(
    'shape-mismatch',
    `blob ${index} of layer '${info.layer}' is ${found} in the weights, but the net needs ${wanted}`,
    { file, hint: 'these weights belong to another net; rename the layer to train it anew' },
  )
}

/** A layer of a pruning fork stores its masks behind its parameters: blobs 2 and 3, or 1 where there is no bias. */
function placeLayer(
  stored: WeightLayer,
  own: number[],
  parameters: ParameterInfo[],
  file: string,
): BlobPlacement[] {
  const { blobs } = stored
  const masked = blobs.length === 2 * own.length && parameters[own[0]].prunable >= 0
  if (blobs.length !== own.length && !masked) {
    const counts = `${blobs.length} blobs in the weights and ${own.length} in the net`
    throw new AppError('shape-mismatch', `layer '${stored.name}' has ${counts}`, {
      file,
      hint: 'check bias_term and the layer type',
    })
  }
  return blobs.map((blob, i) => {
    const slot = i % own.length
    checkShape(blob, parameters[own[slot]], i, file)
    return place(blob, own[slot], i < own.length ? 'value' : 'mask')
  })
}

/** Where each parameter's values are stored. `graphs` tell which layers share another one's parameters.
 *  Throws AppError 'shape-mismatch' naming layer, blob and both shapes. */
export function matchWeights(
  weights: WeightFile,
  parameters: ParameterInfo[],
  graphs: NetGraph[] = [],
): WeightMatch {
  const byLayer = new Map<string, number[]>()
  parameters.forEach(({ layer }, i) => byLayer.set(layer, [...(byLayer.get(layer) ?? []), i]))
  const sharing = new Set(graphs.flatMap(({ layers }) => layers.map(({ name }) => name)))
  const result: WeightMatch = { placements: [], missing: [], unused: [], notes: [] }
  const found = new Set<string>()
  for (const stored of weights.layers) {
    if (stored.blobs.length === 0) continue
    const own = byLayer.get(stored.name)
    if (own === undefined) {
      // a layer that shares all its parameters gets them through their owner
      if (!sharing.has(stored.name)) result.unused.push(stored.name)
      continue
    }
    found.add(stored.name)
    const shared = graphs
      .flatMap(({ layers }) => layers)
      .find(({ name, parameters: all }) => name === stored.name && all.length > own.length)
    if (shared !== undefined) {
      for (const index of own) {
        const blob = stored.blobs[parameters[index].slot]
        if (blob === undefined) continue
        checkShape(blob, parameters[index], parameters[index].slot, weights.file)
        result.placements.push(place(blob, index, 'value'))
      }
      continue
    }
    result.placements.push(...placeLayer(stored, own, parameters, weights.file))
  }
  result.missing = [...byLayer.keys()].filter((layer) => !found.has(layer))
  if (result.missing.length > 0) {
    const names = result.missing.join(', ')
    const message = `no weights for ${names}: initialised by their fillers`
    result.notes.push({ level: 'warning', message, file: weights.file })
  }
  if (result.unused.length > 0) {
    const message = `weights of ${result.unused.join(', ')} are not used: the net has no such layers`
    result.notes.push({ level: 'info', message, file: weights.file })
  }
  return result
}

/** Momentum and the like of a .solverstate. Caffe stores one history blob per learnable parameter, the pruning forks also
 *  one per mask; Adam and AdaDelta store a second round. */
export function matchHistory(state: SolverStateFile, parameters: ParameterInfo[]): BlobPlacement[] {
  // masks follow their layer's parameters
  const slots: (number | null)[] = []
  parameters.forEach((info, i) => {
    slots.push(i)
    const lastOfLayer = parameters[i + 1]?.layer !== info.layer
    if (info.prunable >= 0 && lastOfLayer) {
      for (const other of parameters) if (other.layer === info.layer) slots.push(null)
    }
  })
  const plain = parameters.map((_, i) => i)
  const rounds = [plain, slots].find(
    ({ length }) => state.history.length === length || state.history.length === 2 * length,
  )
  if (rounds === undefined || rounds.length === 0) {
    const counts = `${state.history.length} history blobs for ${parameters.length} parameters`
    throw new AppError('shape-mismatch', `this solver state belongs to another net: ${counts}`, {
      file: state.file,
    })
  }
  return state.history.flatMap((blob, i) => {
    const index = rounds[i % rounds.length]
    if (index === null) return []
    checkShape(blob, parameters[index], parameters[index].slot, state.file)
    return [place(blob, index, i < rounds.length ? 'history' : 'history2')]
  })
}
