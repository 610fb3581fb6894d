// The net as it is used after training, made from the training or test net where no deploy file exists.

import { losses } from './analysis'
import type { Layer, LayerOf, NetGraph, Shape } from './graph'

function blobShapes(graph: NetGraph): Map<string, Shape> {
  return new Map(graph.layers.flatMap(({ tops, top_shapes }) => tops.map((top, i) => [top, top_shapes[i]])))
}

function plain<T extends 'Input' | 'Softmax' | 'Sigmoid'>(
  layer: Pick<LayerOf<T>, 'name' | 'type' | 'params' | 'bottoms' | 'tops' | 'top_shapes' | 'at'>,
): LayerOf<T> {
  return { ...layer, parameters: [], loss_weights: layer.tops.map(() => 0), propagate_down: [] }
}

/** What a loss becomes: the function it applies to its scores before judging them; null where there is none. */
function outputLayer(loss: Layer, name: string, shapes: Map<string, Shape>): Layer | null {
  const [scores] = loss.bottoms
  const shape = shapes.get(scores) ?? []
  const common = { name, bottoms: [scores], tops: [name], top_shapes: [shape], at: loss.at }
  if (loss.type === 'SoftmaxWithLoss' || (loss.type === 'InfogainLoss' && loss.params.input === 'LOGITS')) {
    return plain({ ...common, type: 'Softmax', params: { axis: loss.params.axis } })
  }
  if (loss.type === 'SigmoidCrossEntropyLoss') return plain({ ...common, type: 'Sigmoid', params: {} })
  return null
}

function freeName(wanted: string, taken: Set<string>): string {
  let name = wanted
  for (let n = 2; taken.has(name); n++) name = `${wanted}${n}`
  return name
}

/** Blobs that depend on nothing but labels, and the labels themselves. */
function labelBlobs(graph: NetGraph): Set<string> {
  const labels = new Set(graph.layers.flatMap(({ type, tops }) => (type === 'Data' ? tops.slice(1) : [])))
  for (const { bottoms, tops } of graph.layers) {
    if (bottoms.length > 0 && bottoms.every((bottom) => labels.has(bottom)))
      tops.forEach((top) => labels.add(top))
  }
  return labels
}

/** Layers that the given blobs need, themselves included. In-place layers on the way count. */
function ancestors(layers: Layer[], blobs: string[]): Set<Layer> {
  const needed = new Set(blobs)
  const result = new Set<Layer>()
  for (const layer of [...layers].reverse()) {
    if (!layer.tops.some((top) => needed.has(top))) continue
    result.add(layer)
    layer.bottoms.forEach((bottom) => needed.add(bottom))
  }
  return result
}

/** Data layers become Input layers, losses and accuracies go, a Softmax (or Sigmoid) takes the place of the loss it was
 *  part of, and auxiliary classifiers (losses of less weight) are cut off. Phase TEST: dropout and the like are off.
 *  Best made from the TEST graph; a TRAIN graph gives the same net where the two differ in data only. */
export function deriveDeploy(graph: NetGraph): NetGraph {
  const shapes = blobShapes(graph)
  const taken = new Set(graph.layers.flatMap(({ name, tops }) => [name, ...tops]))
  const labels = labelBlobs(graph)
  const ranked = losses(graph)
  const heaviest = Math.abs(ranked[0]?.loss_weights[0] ?? 0)
  const main = ranked.filter(({ loss_weights }) => Math.abs(loss_weights[0]) === heaviest)
  const body = graph.layers.filter(
    ({ type, bottoms }) =>
      !type.endsWith('Loss') &&
      type !== 'Accuracy' &&
      type !== 'Silence' &&
      !bottoms.some((b) => labels.has(b)),
  )
  const scores = [...new Set(main.flatMap(({ bottoms }) => bottoms.filter((bottom) => !labels.has(bottom))))]
  const kept = scores.length > 0 ? ancestors(body, scores) : new Set(body)
  const layers = body
    .filter((layer) => kept.has(layer))
    .map((layer): Layer => {
      if (layer.type === 'Data' || layer.type === 'DummyData') {
        const tops = layer.tops.filter((top) => !labels.has(top))
        const top_shapes = tops.map((top) => shapes.get(top) ?? [])
        return plain({
          name: layer.name,
          type: 'Input',
          params: {},
          bottoms: [],
          tops,
          top_shapes,
          at: layer.at,
        })
      }
      if (layer.type !== 'BatchNorm') return layer
      return { ...layer, params: { ...layer.params, use_global_stats: true } }
    })
  for (const loss of main) {
    const output = outputLayer(loss, freeName('prob', taken), shapes)
    if (output === null) continue
    taken.add(output.name)
    layers.push(output)
  }
  return { ...graph, phase: 'TEST', layers }
}
