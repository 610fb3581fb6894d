// Layers that map each value by itself and have no parameters.

import { DATA_TYPE } from '../schema'
import type { LayerExporter } from './types'

export const exportReLU: LayerExporter<'ReLU'> = (layer, context) => {
  const { negative_slope } = layer.params
  const [{ value }] = context.bottoms
  if (negative_slope === 0) context.top(0, 'Relu', [value])
  else context.top(0, 'LeakyRelu', [value], { alpha: { float: negative_slope } })
}

export const exportElu: LayerExporter<'ELU'> = (layer, context) =>
  context.top(0, 'Elu', [context.bottoms[0].value], { alpha: { float: layer.params.alpha } })

export const exportSigmoid: LayerExporter<'Sigmoid'> = (_, context) =>
  context.top(0, 'Sigmoid', [context.bottoms[0].value])

export const exportTanH: LayerExporter<'TanH'> = (_, context) =>
  context.top(0, 'Tanh', [context.bottoms[0].value])

export const exportAbsVal: LayerExporter<'AbsVal'> = (_, context) =>
  context.top(0, 'Abs', [context.bottoms[0].value])

/** Binomial normal log likelihood: log(1 + exp(x)). */
export const exportBnll: LayerExporter<'BNLL'> = (_, context) =>
  context.top(0, 'Softplus', [context.bottoms[0].value])

/** x * sigmoid(beta * x) */
export const exportSwish: LayerExporter<'Swish'> = (layer, context) => {
  const [{ value }] = context.bottoms
  const { beta } = layer.params
  const scaled = beta === 1 ? value : context.node('Mul', [value, context.scalar('beta', beta)])
  context.top(0, 'Mul', [value, context.node('Sigmoid', [scaled])])
}

export const exportClip: LayerExporter<'Clip'> = (layer, context) => {
  const { min, max } = layer.params
  context.top(0, 'Clip', [context.bottoms[0].value, context.scalar('min', min), context.scalar('max', max)])
}

/** 1 where x > threshold, else 0. */
export const exportThreshold: LayerExporter<'Threshold'> = (layer, context) => {
  const above = context.node('Greater', [
    context.bottoms[0].value,
    context.scalar('threshold', layer.params.threshold),
  ])
  context.top(0, 'Cast', [above], { to: DATA_TYPE.FLOAT })
}
