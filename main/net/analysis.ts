// Questions about a net graph: what it optimises, what can be pruned, how large it is, whether it can be trained.

import { AppError } from './errors'
import { count, isPrunable, type Layer, type LayerOf, type NetGraph } from './graph'

export interface Objective {
  /** Scalar blob of the main loss. */
  loss: string
  /** Top-1 accuracy blob, or null where the net has none. */
  accuracy: string | null
  /** What the loss and the accuracy judge. */
  scores: string
  label: string
}

export function isLoss(layer: Layer): boolean {
  return layer.type.endsWith('Loss')
}

/** Losses that count for training, the most important first: by weight, then the last in the net. */
export function losses(graph: NetGraph): Layer[] {
  return graph.layers
    .map((layer, index) => ({ layer, index, weight: Math.abs(layer.loss_weights[0] ?? 0) }))
    .filter(({ layer, weight }) => isLoss(layer) && weight > 0)
    .sort((a, b) => b.weight - a.weight || b.index - a.index)
    .map(({ layer }) => layer)
}

function topOneAccuracy(graph: NetGraph, scores: string, label: string): LayerOf<'Accuracy'> | null {
  const found = graph.layers.filter(
    (layer): layer is LayerOf<'Accuracy'> => layer.type === 'Accuracy' && layer.params.top_k === 1,
  )
  return found.find(({ bottoms }) => bottoms[0] === scores && bottoms[1] === label) ?? found.at(-1) ?? null
}

/** What the net optimises. Throws AppError 'no-loss' where it has no loss with a label. */
export function objective(graph: NetGraph): Objective {
  const main = losses(graph).find(({ bottoms }) => bottoms.length >= 2)
  if (main === undefined) {
    throw new AppError('no-loss', `the net '${graph.name}' has no loss layer in phase ${graph.phase}`, {
      file: graph.layers[0]?.at?.file,
      hint: 'choose the training net (train_val.prototxt), not the deploy net',
    })
  }
  const [scores, label] = main.bottoms
  return {
    loss: main.tops[0],
    accuracy: topOneAccuracy(graph, scores, label)?.tops[0] ?? null,
    scores,
    label,
  }
}

function freeName(wanted: string, taken: Set<string>): string {
  let name = wanted
  for (let n = 2; taken.has(name); n++) name = `${wanted}${n}`
  return name
}

/** The graph with a top-1 Accuracy layer on the main loss's scores, as OLMP's search needs it in the training net;
 *  the same graph where it has one. Throws AppError 'no-loss', or 'no-accuracy' where the loss does not judge classes. */
export function addAccuracy(graph: NetGraph): NetGraph {
  const { accuracy, scores, label } = objective(graph)
  if (accuracy !== null) return graph
  const main = losses(graph).find(({ bottoms }) => bottoms.length >= 2)
  const judged = ['SoftmaxWithLoss', 'HingeLoss', 'MultinomialLogisticLoss', 'InfogainLoss']
  if (main === undefined || !judged.includes(main.type)) {
    throw new AppError(
      'no-accuracy',
      `the loss '${main?.name ?? ''}' does not judge classes: no accuracy can be added`,
      {
        ...main?.at,
        hint: 'add an Accuracy layer to the training net',
      },
    )
  }
  const axis = main.type === 'SoftmaxWithLoss' || main.type === 'InfogainLoss' ? main.params.axis : 1
  const layer: LayerOf<'Accuracy'> = {
    name: freeName('accuracy', new Set(graph.layers.map(({ name }) => name))),
    type: 'Accuracy',
    params: { top_k: 1, axis, ignore_label: null },
    bottoms: [scores, label],
    tops: [freeName('accuracy', new Set(graph.layers.flatMap(({ tops }) => tops)))],
    top_shapes: [[]],
    parameters: [],
    loss_weights: [0],
    propagate_down: [],
  }
  return { ...graph, layers: [...graph.layers, layer] }
}

/** Blobs that no layer reads, in the order they are made. */
export function outputs(graph: NetGraph): string[] {
  const unread = new Set<string>()
  for (const { bottoms, tops } of graph.layers) {
    bottoms.forEach((bottom) => unread.delete(bottom))
    tops.forEach((top) => unread.add(top))
  }
  return [...unread]
}

/** Convolutions and inner products, in net order. */
export function prunableLayers(graph: NetGraph): (LayerOf<'Convolution'> | LayerOf<'InnerProduct'>)[] {
  return graph.layers.filter(isPrunable)
}

/** Learnable parameters and statistics; parameters shared by name count once. */
export function parameterCount(graph: NetGraph): number {
  const seen = new Set<string>()
  let total = 0
  for (const parameter of graph.layers.flatMap(({ parameters }) => parameters)) {
    if (parameter.name !== '') {
      if (seen.has(parameter.name)) continue
      seen.add(parameter.name)
    }
    total += count(parameter.shape)
  }
  return total
}

/** Throws AppError where OLMP has nothing to work on: 'no-data', 'no-loss', 'nothing-to-prune'. */
export function ensureTrainable(graph: NetGraph): void {
  const file = graph.layers[0]?.at?.file
  if (!graph.layers.some(({ type }) => type === 'Data' || type === 'DummyData')) {
    throw new AppError('no-data', `the net '${graph.name}' has no data layer in phase ${graph.phase}`, {
      file,
      hint: 'choose the training net (train_val.prototxt), not the deploy net',
    })
  }
  objective(graph)
  if (prunableLayers(graph).length === 0) {
    const message = `the net '${graph.name}' has no convolution and no inner product: there is nothing to prune`
    throw new AppError('nothing-to-prune', message, { file })
  }
}
