// What a net costs where every weight is computed.

import { count, type LayerOf, type NetGraph } from './graph'

/** Floating point operations for one item: two for each product of convolutions, deconvolutions and inner products, which
 *  are nearly all there are. */
export function flops(graph: NetGraph): number {
  let total = 0
  for (const layer of graph.layers) {
    if (layer.type !== 'Convolution' && layer.type !== 'Deconvolution' && layer.type !== 'InnerProduct')
      continue
    total += 2 * count(layer.parameters[0].shape) * positions(layer, graph)
  }
  return total
}

/** How often each weight is used for one item. */
function positions(
  layer: LayerOf<'Convolution'> | LayerOf<'Deconvolution'> | LayerOf<'InnerProduct'>,
  { layers }: NetGraph,
): number {
  const { axis } = layer.params
  const perItem = (shape: number[]): number => count(shape.slice(1))
  if (layer.type === 'Deconvolution') {
    const shapes = new Map<string, number[]>()
    for (const { tops, top_shapes } of layers.slice(0, layers.indexOf(layer)))
      tops.forEach((top, i) => shapes.set(top, top_shapes[i]))
    const used = layer.bottoms.map((bottom) => shapes.get(bottom) ?? [])
    return used.reduce((sum, shape) => sum + perItem(shape) / (shape[axis] ?? 1), 0)
  }
  return layer.top_shapes.reduce((sum, shape) => sum + perItem(shape) / shape[axis], 0)
}
