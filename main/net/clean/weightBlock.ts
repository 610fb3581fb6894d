// How the weights of a convolution or an inner product lie in memory, told alike for both: the weight of output `o`, input
// channel `c` of its group and inner position `s` (kernel or pixel) is at o * outputStride + c * inputStride + s * innerStride.

import type { LayerOf, Shape } from '../graph'
import { count } from '../graph'

export interface WeightBlock {
  outputs: number
  groups: number
  /** Input channels that an output reads: those of its group. */
  inputs: number
  /** Weights of one output for one input channel. */
  inner: number
  outputStride: number
  inputStride: number
  innerStride: number
}

export function weightBlock(
  layer: LayerOf<'Convolution'> | LayerOf<'InnerProduct'>,
  bottom: Shape,
): WeightBlock {
  const outputs = layer.params.num_output
  const channels = bottom[1]
  if (layer.type === 'Convolution') {
    const groups = layer.params.group
    const inputs = channels / groups
    const inner = count(layer.params.kernel_size)
    return {
      outputs,
      groups,
      inputs,
      inner,
      outputStride: inputs * inner,
      inputStride: inner,
      innerStride: 1,
    }
  }
  const inner = count(bottom.slice(2))
  const common = { outputs, groups: 1, inputs: channels, inner }
  return layer.params.transpose
    ? { ...common, outputStride: 1, inputStride: inner * outputs, innerStride: outputs }
    : { ...common, outputStride: channels * inner, inputStride: inner, innerStride: 1 }
}

/** First input channel of the group that output `o` belongs to. */
export function firstInput({ outputs, groups, inputs }: WeightBlock, o: number): number {
  return Math.floor((o * groups) / outputs) * inputs
}
