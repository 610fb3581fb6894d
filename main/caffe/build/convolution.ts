// Convolution, Deconvolution, Im2col: geometry as in Caffe's base_conv_layer.cpp.

import type { ConvolutionParams, Shape } from '../../net/graph'
import type { ConvolutionMessage } from '../messages'
import {
  anyNumber,
  resolveFiller,
  type Built,
  type LayerContext,
  type ParameterDraft,
  type Rule,
} from './context'

interface Geometry {
  axis: number
  kernel_size: number[]
  stride: number[]
  pad: number[]
  dilation: number[]
}

function spatial(
  context: LayerContext,
  axes: number,
  key: 'kernel_size' | 'stride' | 'pad' | 'dilation',
  values: number[],
  pair: [number | undefined, number | undefined],
  missing: number | undefined,
): number[] {
  const path = `convolution_param.${key}`
  const [h, w] = pair
  if (h !== undefined || w !== undefined) {
    const short = key.replace('_size', '')
    if (axes !== 2) context.fail('bad-value', `'${short}_h' and '${short}_w' are for 2-D convolution`, path)
    if (values.length > 0)
      context.fail('bad-value', `'${key}' is given besides '${short}_h' / '${short}_w'`, path)
    // an absent half is 0 in Caffe: fine for a pad, refused below for kernel and stride
    values = [h ?? 0, w ?? 0]
  }
  if (values.length === 0) {
    if (missing === undefined) context.fail('bad-value', `'${key}' is missing`, path)
    values = [missing]
  }
  if (values.length !== 1 && values.length !== axes) {
    context.fail('bad-value', `'${key}' is given ${values.length} times for ${axes} spatial axes`, path)
  }
  const result = values.length === axes ? values : new Array<number>(axes).fill(values[0])
  if (key !== 'pad' && result.some((value) => value <= 0)) {
    context.fail('bad-value', `'${key}' must be above 0`, path)
  }
  return result
}

function geometry(context: LayerContext, message: ConvolutionMessage): Geometry {
  const shape = context.requireSameShapes()
  const axis = context.axis(message.axis ?? 1, 'convolution_param.axis')
  const axes = shape.length - axis - 1
  const list = (
    key: 'kernel_size' | 'stride' | 'pad' | 'dilation',
    pair: [number | undefined, number | undefined],
    missing?: number,
  ) => spatial(context, axes, key, message[key] ?? [], pair, missing)
  return {
    axis,
    kernel_size: list('kernel_size', [message.kernel_h, message.kernel_w]),
    stride: list('stride', [message.stride_h, message.stride_w], 1),
    pad: list('pad', [message.pad_h, message.pad_w], 0),
    dilation: list('dilation', [undefined, undefined], 1),
  }
}

function convolvedDims(context: LayerContext, g: Geometry): number[] {
  return g.kernel_size.map((kernel, i) => {
    const input = context.bottoms[0][g.axis + 1 + i]
    const extent = g.dilation[i] * (kernel - 1) + 1
    const room = input + 2 * g.pad[i] - extent
    if (room < 0) {
      const padded = g.pad[i] > 0 ? ` (${input + 2 * g.pad[i]} with padding)` : ''
      context.fail(
        'shape-mismatch',
        `a kernel of extent ${extent} does not fit an input of ${input}${padded} on axis ${g.axis + 1 + i}`,
        'convolution_param.kernel_size',
      )
    }
    return Math.floor(room / g.stride[i]) + 1
  })
}

function deconvolvedDims(context: LayerContext, g: Geometry): number[] {
  return g.kernel_size.map((kernel, i) => {
    const input = context.bottoms[0][g.axis + 1 + i]
    return g.stride[i] * (input - 1) + g.dilation[i] * (kernel - 1) + 1 - 2 * g.pad[i]
  })
}

function buildConvolution(
  context: LayerContext,
  transposed: boolean,
): Built<'Convolution' | 'Deconvolution'> {
  const message = context.layer.convolution_param ?? {}
  const g = geometry(context, message)
  const channels = context.bottoms[0][g.axis]
  const num_output = context.positive(message.num_output, 'convolution_param.num_output')
  const group = message.group ?? 1
  if (group <= 0 || channels % group !== 0 || num_output % group !== 0) {
    const numbers = `${channels} input channels and num_output ${num_output}`
    context.fail('shape-mismatch', `group ${group} must divide ${numbers}`, 'convolution_param.group')
  }
  const bias_term = message.bias_term ?? true
  const params: ConvolutionParams = { num_output, bias_term, group, ...g }
  // weights: (out, in/group, k...); deconvolution: (in, out/group, k...)
  const [rows, columns] = transposed ? [channels, num_output] : [num_output, channels]
  const weight = context.checkShape([rows, columns / group, ...g.kernel_size], 'the weight blob')
  const parameters: ParameterDraft[] = [
    {
      shape: weight,
      filler: resolveFiller(context, message.weight_filler, 'convolution_param.weight_filler'),
    },
  ]
  if (bias_term) {
    const filler = resolveFiller(context, message.bias_filler, 'convolution_param.bias_filler')
    parameters.push({ shape: [num_output], filler })
  }
  const dims = transposed ? deconvolvedDims(context, g) : convolvedDims(context, g)
  const top: Shape = [...context.bottoms[0].slice(0, g.axis), num_output, ...dims]
  return {
    type: transposed ? 'Deconvolution' : 'Convolution',
    params,
    tops: context.bottoms.map(() => top),
    parameters,
    declaredMasked: context.layer.type === 'CConvolution' ? true : undefined,
  }
}

function buildIm2col(context: LayerContext): Built<'Im2col'> {
  const g = geometry(context, context.layer.convolution_param ?? {})
  const shape = context.bottoms[0]
  const columns = g.kernel_size.reduce((product, kernel) => product * kernel, shape[g.axis])
  return {
    type: 'Im2col',
    params: { kernel_size: g.kernel_size, stride: g.stride, pad: g.pad, dilation: g.dilation, axis: g.axis },
    tops: [[...shape.slice(0, g.axis), columns, ...convolvedDims(context, g)]],
  }
}

const convolution: Rule = {
  bottoms: [1, anyNumber],
  tops: [1, anyNumber],
  build: (context) => buildConvolution(context, false),
}

export const convolutionRules: Record<string, Rule> = {
  Convolution: convolution,
  CConvolution: convolution,
  Deconvolution: {
    bottoms: [1, anyNumber],
    tops: [1, anyNumber],
    build: (context) => buildConvolution(context, true),
  },
  Im2col: { bottoms: [1, 1], tops: [1, 1], build: buildIm2col },
}
