import { DATA_TYPE } from '../schema'
import type { LayerExporter } from './types'

export const exportSoftmax: LayerExporter<'Softmax'> = (layer, context) =>
  context.top(0, 'Softmax', [context.bottoms[0].value], { axis: layer.params.axis })

/** Indices come as floats; over the whole item the top is (N, 1, k), or (N, 2, k) with values behind indices; along an
 *  axis it is either indices or values. */
export const exportArgMax: LayerExporter<'ArgMax'> = (layer, context) => {
  const { out_max_val, top_k, axis } = layer.params
  const [{ value, shape }] = context.bottoms
  const flat = axis === null ? context.node('Flatten', [value], { axis: 1 }) : value
  const topAxis = axis ?? 1
  if (topAxis === 0) context.refuse('mixes the items of a batch')
  const size = axis === null ? shape.slice(1).reduce((n, dim) => n * dim, 1) : shape[axis]

  // Of equal values Caffe takes the highest index, ONNX the lowest: search the reversed axis.
  const reversed = context.node('Slice', [
    flat,
    context.ints('starts', [-1]),
    context.ints('ends', [-size - 1]),
    context.ints('axes', [topAxis]),
    context.ints('steps', [-1]),
  ])
  const values = context.value('Values')
  const places = context.value('Indices')
  context.nodeToAll([values, places], 'TopK', [reversed, context.ints('k', [top_k])], { axis: topAxis })
  const floatPlaces = context.node('Cast', [places], { to: DATA_TYPE.FLOAT })
  const last = context.scalar('last_index', size - 1)

  if (axis !== null) {
    if (out_max_val) return context.alias(0, values)
    return context.top(0, 'Sub', [last, floatPlaces])
  }
  const indices = context.node('Sub', [last, floatPlaces])
  const parts = out_max_val ? [indices, values] : [indices]
  const joined = out_max_val ? context.node('Concat', parts, { axis: 1 }) : indices
  context.top(0, 'Reshape', [joined, context.batchShape(layer.top_shapes[0])])
}
