// Caffe and ONNX agree on weights (out, in / group, k...) and output sizes of convolutions, and on (in, out / group, k...)
// of deconvolutions.

import type { LayerContext } from '../LayerContext'
import type { LayerOf, Shape } from '../../net/graph'
import type { LayerExporter } from './types'

export const exportConvolution: LayerExporter<'Convolution'> = (layer, context) =>
  exportWith('Conv', layer, context)

export const exportDeconvolution: LayerExporter<'Deconvolution'> = (layer, context) =>
  exportWith('ConvTranspose', layer, context)

function exportWith(
  opType: 'Conv' | 'ConvTranspose',
  layer: LayerOf<'Convolution' | 'Deconvolution'>,
  context: LayerContext,
): void {
  const { kernel_size, stride, pad, dilation, group, bias_term, axis } = layer.params
  if (kernel_size.length === 0) context.refuse('has no spatial axis')
  if (axis === 0) context.refuse('takes the batch as channels')

  const weights = context.parameter(0, 'weight')
  const operands = bias_term ? [weights, context.parameter(1, 'bias')] : [weights]
  const attributes = {
    kernel_shape: kernel_size,
    strides: stride,
    pads: [...pad, ...pad],
    dilations: dilation,
    group,
  }
  // Several bottoms pass through the same weights, each to its own top.
  context.bottoms.forEach((bottom, i) => {
    if (axis === 1) return context.top(i, opType, [bottom.value, ...operands], attributes)
    const merged = mergeOuterAxes(bottom.shape, axis)
    const items = context.node('Reshape', [bottom.value, context.batchShape(merged)])
    const result = context.node(opType, [items, ...operands], attributes)
    const top = layer.top_shapes[i]
    context.top(i, 'Reshape', [result, context.batchShape(top)])
  })
}

/** Every axis before `axis` counts as batch. */
function mergeOuterAxes(shape: Shape, axis: number): Shape {
  const outer = shape.slice(0, axis).reduce((product, dim) => product * dim, 1)
  return [outer, ...shape.slice(axis)]
}
