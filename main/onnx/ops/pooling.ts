// Caffe rounds output sizes up and lets the last window hang over the padded input. ONNX's ceil_mode differs where Caffe
// clips, and runtimes disagree about it; explicit end padding says the same thing exactly: with
//   end = (out - 1) * stride + kernel - in - pad
// the floor rule of ONNX gives Caffe's size, whichever way Caffe rounded.

import type { Shape } from '../../net/graph'
import type { Attributes } from '../GraphBuilder'
import type { LayerContext } from '../LayerContext'
import { DATA_TYPE } from '../schema'
import type { LayerExporter } from './types'

export interface PoolingGeometry {
  kernel_size: [number, number]
  stride: [number, number]
  pad: [number, number]
}

export const exportPooling: LayerExporter<'Pooling'> = (layer, context) => {
  const { pool, global_pooling } = layer.params
  const [{ value, shape }] = context.bottoms
  const [, , inHeight, inWidth] = shape
  const [, , outHeight, outWidth] = layer.top_shapes[0]
  const geometry: PoolingGeometry = global_pooling
    ? { kernel_size: [inHeight, inWidth], stride: [1, 1], pad: [0, 0] }
    : layer.params
  if (pool === 'STOCHASTIC') context.refuse('pools stochastically', 'use MAX or AVE pooling')
  if (pool === 'AVE') {
    if (global_pooling) return context.top(0, 'GlobalAveragePool', [value])
    const [input, attributes] = averagePooling(context, value, shape, [outHeight, outWidth], geometry)
    return context.top(0, 'AveragePool', [input], attributes)
  }
  if (layer.tops.length === 1) {
    if (global_pooling) return context.top(0, 'GlobalMaxPool', [value])
    return context.top(0, 'MaxPool', [value], maxPooling(context, shape, [outHeight, outWidth], geometry))
  }
  exportWithIndices(context, value, shape, maxPooling(context, shape, [outHeight, outWidth], geometry))
}

/** Attributes of the MaxPool that computes Caffe's MAX pooling. */
export function maxPooling(
  context: LayerContext,
  shape: Shape,
  out: [number, number],
  geometry: PoolingGeometry,
): Attributes {
  return attributesOf(geometry, geometry.pad, endPads(context, shape, out, geometry))
}

/** Input and attributes of the AveragePool that computes Caffe's AVE pooling, whose divisor counts the padding of `pad`
 *  but nothing beyond it. */
export function averagePooling(
  context: LayerContext,
  value: string,
  shape: Shape,
  out: [number, number],
  geometry: PoolingGeometry,
): [input: string, attributes: Attributes] {
  const { pad } = geometry
  const end = endPads(context, shape, out, geometry)
  const hangsOver = [0, 1].some((i) => end[i] > pad[i])
  if (!hangsOver) return [value, { ...attributesOf(geometry, pad, end), count_include_pad: 1 }]
  if (pad[0] === 0 && pad[1] === 0) {
    return [value, { ...attributesOf(geometry, pad, end), count_include_pad: 0 }]
  }
  // Caffe's own padding becomes data, which counts; what hangs over stays padding, which does not.
  const counted = [0, 1].map((i) => Math.min(end[i], pad[i]))
  const padded = context.node('Pad', [value, context.ints('pads', [0, 0, ...pad, 0, 0, ...counted])])
  const rest: [number, number] = [end[0] - counted[0], end[1] - counted[1]]
  return [padded, { ...attributesOf(geometry, [0, 0], rest), count_include_pad: 0 }]
}

function endPads(
  context: LayerContext,
  shape: Shape,
  out: [number, number],
  { kernel_size, stride, pad }: PoolingGeometry,
): [number, number] {
  const axis = (i: number): number => {
    const lastStart = (out[i] - 1) * stride[i]
    if (lastStart >= shape[2 + i] + pad[i]) {
      context.refuse('has a last window outside its input', 'choose a stride not larger than the kernel')
    }
    return Math.max(0, lastStart + kernel_size[i] - shape[2 + i] - pad[i])
  }
  return [axis(0), axis(1)]
}

function attributesOf(geometry: PoolingGeometry, begin: [number, number], end: [number, number]): Attributes {
  return { kernel_shape: geometry.kernel_size, strides: geometry.stride, pads: [...begin, ...end] }
}

/** Caffe's second top: the maximum's place within its channel plane, as a float. ONNX counts through the whole tensor. */
function exportWithIndices(context: LayerContext, value: string, shape: Shape, attributes: Attributes): void {
  const indices = context.value('Indices')
  context.nodeToAll([context.tops[0], indices], 'MaxPool', [value], attributes)
  const plane = context.ints('plane_size', [shape[2] * shape[3]])
  context.top(1, 'Cast', [context.node('Mod', [indices, plane])], { to: DATA_TYPE.FLOAT })
}
