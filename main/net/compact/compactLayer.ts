// One layer of a compact net: its parameters, shapes and blobs cut down to the channels that stay.

import type { Step, Value } from '../clean/channelGraph'
import type { Layer, Parameter, Shape } from '../graph'
import { compactWeighted, compactWeights } from './compactWeighted'
import { keptPositions } from './keptChannels'

/** Of a layer of which a channel stays. */
export function compactLayer(step: Step, kept: Uint8Array): Layer {
  const { layer, inputs, outputs } = step
  const [incoming, outgoing] = [inputs, outputs].map((values) => sizes(values, kept))
  const before = [...inputs, ...outputs].map(({ channels }) => channels)
  if ([...incoming, ...outgoing].every((size, i) => size === before[i])) return layer
  const top_shapes = layer.top_shapes.map((shape, i) => withChannels(shape, outgoing[i]))
  if (step.kind === 'weighted') return compactWeighted(step, kept, top_shapes)
  const parameters = layer.parameters.map((parameter) =>
    isPerChannel(parameter, inputs[0]) ? { ...parameter, shape: [incoming[0]] } : parameter,
  )
  const common = { top_shapes, parameters }
  if (layer.type === 'Concat')
    return { ...layer, ...common, bottoms: layer.bottoms.filter((_, i) => incoming[i] > 0) }
  if (layer.type !== 'Slice') return { ...layer, ...common }
  let end = 0
  const slice_point = outgoing.slice(0, -1).map((size) => (end += size))
  return { ...layer, ...common, params: { ...layer.params, slice_point } }
}

/** What stays of blob `slot`, in Caffe's layout. */
export function compactBlob(step: Step, slot: number, values: Float32Array, kept: Uint8Array): Float32Array {
  if (step.kind === 'weighted') {
    if (slot === 0) return compactWeights(step, values, kept)
    return Float32Array.from(keptPositions(step.outputs[0], kept), (o) => values[o])
  }
  const { layer, inputs } = step
  if (!isPerChannel(layer.parameters[slot], inputs[0])) return values
  return Float32Array.from(keptPositions(inputs[0], kept), (c) => values[c])
}

function sizes(values: Value[], kept: Uint8Array): number[] {
  return values.map((value) => keptPositions(value, kept).length)
}

function withChannels(shape: Shape, channels: number): Shape {
  return shape.length > 1 ? [shape[0], channels, ...shape.slice(2)] : shape
}

/** Of Scale, Bias, BatchNorm (but for its factor) and PReLU (but where its channels share one). */
function isPerChannel({ shape }: Parameter, input: Value | undefined): boolean {
  return input !== undefined && input.channels > 1 && shape.length === 1 && shape[0] === input.channels
}
