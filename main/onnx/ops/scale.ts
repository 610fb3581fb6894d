// Scale, Bias and PReLU: an operand whose axes align with the bottom's from `axis` on, broadcast over the rest.

import type { Shape } from '../../net/graph'
import type { LayerContext } from '../LayerContext'
import type { LayerExporter } from './types'

export const exportScale: LayerExporter<'Scale'> = (layer, context) => {
  const { axis, bias_term } = layer.params
  const factor = operand(context, layer.parameters, axis, 'scale')
  const [{ value }] = context.bottoms
  if (!bias_term) return context.top(0, 'Mul', [value, factor])
  // the bias is the last parameter, and has the factor's shape
  const slot = layer.parameters.length - 1
  const product = context.node('Mul', [value, factor])
  const shape = aligned(context, layer.parameters[slot].shape, axis)
  context.top(0, 'Add', [product, context.parameter(slot, 'bias', shape)])
}

export const exportBias: LayerExporter<'Bias'> = (layer, context) => {
  const shift = operand(context, layer.parameters, layer.params.axis, 'bias')
  context.top(0, 'Add', [context.bottoms[0].value, shift])
}

export const exportPReLU: LayerExporter<'PReLU'> = (layer, context) => {
  const [{ value, shape }] = context.bottoms
  const slopeShape = layer.params.channel_shared ? [1] : [shape[1], ...shape.slice(2).map(() => 1)]
  context.top(0, 'PRelu', [value, context.parameter(0, 'slope', slopeShape)])
}

/** Bottom 1 where there is one, else parameter 0. */
function operand(context: LayerContext, parameters: { shape: Shape }[], axis: number, role: string): string {
  const [bottom, second] = context.bottoms
  if (second === undefined) return context.parameter(0, role, aligned(context, parameters[0].shape, axis))
  const trailing = bottom.shape.length - axis - second.shape.length
  if (trailing === 0) return second.value
  const axes = Array.from({ length: trailing }, (_, i) => second.shape.length + i)
  return context.node('Unsqueeze', [second.value, context.ints('axes', axes)])
}

/** A parameter's shape with ones behind, so that ONNX's alignment from the right puts it at `axis`. */
function aligned(context: LayerContext, shape: Shape, axis: number): Shape {
  if (axis === 0 && shape.length > 0 && shape[0] !== 1)
    context.refuse('has parameters for each item of the batch')
  const trailing = context.bottoms[0].shape.length - axis - shape.length
  return shape.length === 0 ? [] : [...shape, ...Array.from({ length: trailing }, () => 1)]
}
