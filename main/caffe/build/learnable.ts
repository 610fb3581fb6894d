// Layers with parameters beside the convolutions: InnerProduct, Embed, BatchNorm, Scale, Bias, PReLU.

import { count, type Shape } from '../../net/graph'
import {
  resolveFiller,
  shapeText,
  type Built,
  type LayerContext,
  type ParameterDraft,
  type Rule,
} from './context'

function buildInnerProduct(context: LayerContext): Built<'InnerProduct'> {
  const message = context.layer.inner_product_param ?? {}
  const path = 'inner_product_param'
  const shape = context.bottoms[0]
  const num_output = context.positive(message.num_output, `${path}.num_output`)
  const axis = context.axis(message.axis ?? 1, `${path}.axis`)
  const transpose = message.transpose ?? false
  const bias_term = message.bias_term ?? true
  const inputs = count(shape.slice(axis))
  const weight = context.checkShape(
    transpose ? [inputs, num_output] : [num_output, inputs],
    'the weight blob',
  )
  const parameters: ParameterDraft[] = [
    { shape: weight, filler: resolveFiller(context, message.weight_filler, `${path}.weight_filler`) },
  ]
  if (bias_term) {
    parameters.push({
      shape: [num_output],
      filler: resolveFiller(context, message.bias_filler, `${path}.bias_filler`),
    })
  }
  return {
    type: 'InnerProduct',
    params: { num_output, bias_term, axis, transpose },
    tops: [[...shape.slice(0, axis), num_output]],
    parameters,
    declaredMasked: context.layer.type === 'CInnerProduct' ? true : undefined,
  }
}

function buildEmbed(context: LayerContext): Built<'Embed'> {
  const message = context.layer.embed_param ?? {}
  const num_output = context.positive(message.num_output, 'embed_param.num_output')
  const input_dim = context.positive(message.input_dim, 'embed_param.input_dim')
  const bias_term = message.bias_term ?? true
  const weight = context.checkShape([input_dim, num_output], 'the weight blob')
  const parameters: ParameterDraft[] = [
    { shape: weight, filler: resolveFiller(context, message.weight_filler, 'embed_param.weight_filler') },
  ]
  if (bias_term) {
    const filler = resolveFiller(context, message.bias_filler, 'embed_param.bias_filler')
    parameters.push({ shape: [num_output], filler })
  }
  return {
    type: 'Embed',
    params: { num_output, input_dim, bias_term },
    tops: [[...context.bottoms[0], num_output]],
    parameters,
  }
}

function buildBatchNorm(context: LayerContext): Built<'BatchNorm'> {
  const message = context.layer.batch_norm_param ?? {}
  const shape = context.bottoms[0]
  const channels = shape.length <= 1 ? 1 : shape[1]
  const rated = context.layer.param?.findIndex((spec) => (spec.lr_mult ?? 0) !== 0) ?? -1
  if (rated !== -1) {
    // CHECK_EQ(lr_mult, 0) in batch_norm_layer.cpp
    context.fail('bad-value', 'its statistics are not learned: every lr_mult must be 0', 'param.lr_mult')
  }
  const filler = resolveFiller(context, undefined, '')
  return {
    type: 'BatchNorm',
    params: {
      use_global_stats: message.use_global_stats ?? context.options.phase === 'TEST',
      moving_average_fraction: message.moving_average_fraction ?? 0.999,
      eps: message.eps ?? 1e-5,
    },
    tops: [shape],
    // sum of means, sum of variances, the factor both are divided by
    parameters: [[channels], [channels], [1]].map((s) => ({ shape: s, filler, fixedLrMult: 0 })),
  }
}

/** Shape of a learned factor: `num_axes` axes from `axis` on, -1 for all. */
function broadcastShape(context: LayerContext, axis: number, num_axes: number, path: string): Shape {
  const shape = context.bottoms[0]
  if (num_axes < -1) context.fail('bad-value', `'num_axes' must be -1 or more`, `${path}.num_axes`)
  if (num_axes === -1) return shape.slice(axis)
  if (axis + num_axes > shape.length) {
    const reach = `axis ${axis} with num_axes ${num_axes}`
    context.fail(
      'bad-axis',
      `${reach} goes beyond the ${shape.length} axes of ${shapeText(shape)}`,
      `${path}.num_axes`,
    )
  }
  return shape.slice(axis, axis + num_axes)
}

function checkSecondBottom(context: LayerContext, axis: number): void {
  const [shape, factor] = context.bottoms
  const fits = factor.length === 0 || factor.every((dim, i) => dim === shape[axis + i])
  if (!fits) context.mismatch(1, `the second must have the first one's dimensions from axis ${axis} on`)
}

function buildScale(context: LayerContext): Built<'Scale'> {
  const message = context.layer.scale_param ?? {}
  const scalar = context.bottoms[1]?.length === 0
  const axis = scalar ? 0 : context.axis(message.axis ?? 1, 'scale_param.axis')
  const num_axes = message.num_axes ?? 1
  const bias_term = message.bias_term ?? false
  const parameters: ParameterDraft[] = []
  let shape = context.bottoms[1]
  if (context.bottoms.length === 1) {
    shape = broadcastShape(context, axis, num_axes, 'scale_param')
    // without a filler the layer starts as the identity
    parameters.push({ shape, filler: resolveFiller(context, message.filler, 'scale_param.filler', 1) })
  } else {
    checkSecondBottom(context, axis)
  }
  if (bias_term) {
    parameters.push({ shape, filler: resolveFiller(context, message.bias_filler, 'scale_param.bias_filler') })
  }
  return { type: 'Scale', params: { axis, num_axes, bias_term }, tops: [context.bottoms[0]], parameters }
}

function buildBias(context: LayerContext): Built<'Bias'> {
  const message = context.layer.bias_param ?? {}
  const scalar = context.bottoms[1]?.length === 0
  const axis = scalar ? 0 : context.axis(message.axis ?? 1, 'bias_param.axis')
  const num_axes = message.num_axes ?? 1
  const parameters: ParameterDraft[] = []
  if (context.bottoms.length === 1) {
    const shape = broadcastShape(context, axis, num_axes, 'bias_param')
    parameters.push({ shape, filler: resolveFiller(context, message.filler, 'bias_param.filler') })
  } else {
    checkSecondBottom(context, axis)
  }
  return { type: 'Bias', params: { axis, num_axes }, tops: [context.bottoms[0]], parameters }
}

function buildPReLU(context: LayerContext): Built<'PReLU'> {
  const message = context.layer.prelu_param ?? {}
  const shape = context.bottoms[0]
  if (shape.length < 2)
    context.fail('shape-mismatch', `needs an input of at least 2 axes, not ${shapeText(shape)}`)
  const channel_shared = message.channel_shared ?? false
  const filler = resolveFiller(context, message.filler, 'prelu_param.filler', 0.25)
  return {
    type: 'PReLU',
    params: { channel_shared },
    tops: [shape],
    parameters: [{ shape: channel_shared ? [] : [shape[1]], filler }],
  }
}

const innerProduct: Rule = { bottoms: [1, 1], tops: [1, 1], build: buildInnerProduct }

export const learnableRules: Record<string, Rule> = {
  InnerProduct: innerProduct,
  CInnerProduct: innerProduct,
  Embed: { bottoms: [1, 1], tops: [1, 1], build: buildEmbed },
  BatchNorm: { bottoms: [1, 1], tops: [1, 1], inPlace: true, build: buildBatchNorm },
  Scale: { bottoms: [1, 2], tops: [1, 1], inPlace: true, build: buildScale },
  Bias: { bottoms: [1, 2], tops: [1, 1], inPlace: true, build: buildBias },
  PReLU: { bottoms: [1, 1], tops: [1, 1], inPlace: true, build: buildPReLU },
}
