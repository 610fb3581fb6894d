// What a mapped layer makes of channels that hold one value everywhere, whatever the input of the net. NaN stands for a
// channel that varies, or whose value is not the same at every position.

import type { Layer, LayerOf } from '../graph'
import type { LayerBlobs, MaskedBlob } from './blobs'
import { effective } from './blobs'

/** Value of output channel `channel` from those of its inputs. */
export type ConstantMap = (inputs: number[], channel: number) => number

const VARIES: ConstantMap = () => Number.NaN
const IDENTITY: ConstantMap = ([x]) => x
/** Zero stays zero; what comes of another value depends on its place. */
const ZERO_ONLY: ConstantMap = ([x]) => (x === 0 ? 0 : Number.NaN)

export function constantMap(layer: Layer, blobs: LayerBlobs): ConstantMap {
  const map = unguarded(layer, blobs.get(layer.name) ?? [])
  const centred = layer.type === 'LRN'
  return (inputs, channel) => {
    if (!centred && inputs.some(Number.isNaN)) return Number.NaN
    const value = map(inputs, channel)
    return Number.isFinite(value) ? value : Number.NaN
  }
}

function unguarded(layer: Layer, blobs: MaskedBlob[]): ConstantMap {
  switch (layer.type) {
    case 'Concat':
    case 'Slice':
    case 'Flatten':
    case 'Reshape':
    case 'Split':
    case 'Dropout':
      return IDENTITY
    case 'LRN':
      return lrn(layer)
    case 'Pooling':
      return pooling(layer)
    case 'Eltwise':
      return eltwise(layer)
    case 'BatchNorm':
      return batchNorm(layer, blobs)
    case 'Scale':
      if (blobs.length < layer.parameters.length) return VARIES
      return ([x], c) => x * effective(blobs[0], c) + (layer.params.bias_term ? effective(blobs[1], c) : 0)
    case 'Bias':
      return blobs.length === 0 ? VARIES : ([x], c) => x + effective(blobs[0], c)
    case 'PReLU':
      if (blobs.length === 0) return ZERO_ONLY
      return ([x], c) => (x > 0 ? x : x * effective(blobs[0], layer.params.channel_shared ? 0 : c))
    default: {
      const f = neuron(layer)
      return f === null ? VARIES : ([x]) => f(x)
    }
  }
}

/** Null for a layer that is no function of single values. */
function neuron(layer: Layer): ((x: number) => number) | null {
  switch (layer.type) {
    case 'ReLU':
      return (x) => (x > 0 ? x : x * layer.params.negative_slope)
    case 'ELU':
      return (x) => (x > 0 ? x : layer.params.alpha * Math.expm1(x))
    case 'Sigmoid':
      return sigmoid
    case 'TanH':
      return Math.tanh
    case 'AbsVal':
      return Math.abs
    case 'BNLL':
      return (x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)))
    case 'Power':
      return (x) => (layer.params.shift + layer.params.scale * x) ** layer.params.power
    case 'Exp': {
      const { base, scale, shift } = layer.params
      return (x) => (base === -1 ? Math.E : base) ** (shift + scale * x)
    }
    case 'Log': {
      const { base, scale, shift } = layer.params
      return (x) => Math.log(shift + scale * x) / (base === -1 ? 1 : Math.log(base))
    }
    case 'Swish':
      return (x) => x * sigmoid(layer.params.beta * x)
    case 'Clip':
      return (x) => Math.min(Math.max(x, layer.params.min), layer.params.max)
    case 'Threshold':
      return (x) => (x > layer.params.threshold ? 1 : 0)
    default:
      return null
  }
}

function sigmoid(x: number): number {
  return 1 / (1 + Math.exp(-x))
}

/** Inputs are the channel's neighbours, itself in the middle; a channel of zeros stays one. */
function lrn({ params }: LayerOf<'LRN'>): ConstantMap {
  if (params.norm_region === 'WITHIN_CHANNEL') return ZERO_ONLY
  return (inputs) => (inputs[(inputs.length - 1) / 2] === 0 ? 0 : Number.NaN)
}

function pooling({ params }: LayerOf<'Pooling'>): ConstantMap {
  const { pool, kernel_size, stride, pad } = params
  // a window may then lie wholly beyond the edge
  if (stride.some((step, axis) => step > kernel_size[axis])) return VARIES
  if (pool === 'STOCHASTIC') return VARIES
  // an average counts padding as zeros, a maximum leaves it out
  return pool === 'MAX' || pad.every((size) => size === 0) ? IDENTITY : ZERO_ONLY
}

function eltwise({ params }: LayerOf<'Eltwise'>): ConstantMap {
  const { operation, coeff } = params
  if (operation === 'PROD') return (inputs) => inputs.reduce((product, x) => product * x, 1)
  if (operation === 'MAX') return (inputs) => Math.max(...inputs)
  return (inputs) => inputs.reduce((sum, x, i) => sum + x * (coeff[i] ?? 1), 0)
}

function batchNorm({ params }: LayerOf<'BatchNorm'>, blobs: MaskedBlob[]): ConstantMap {
  // of a batch that is all alike the mean is that value
  if (!params.use_global_stats) return () => 0
  if (blobs.length < 3) return VARIES
  const [
    means,
    variances,
    {
      values: [factor],
    },
  ] = blobs
  const scale = factor === 0 ? 0 : 1 / factor
  return ([x], c) => (x - means.values[c] * scale) / Math.sqrt(variances.values[c] * scale + params.eps)
}
