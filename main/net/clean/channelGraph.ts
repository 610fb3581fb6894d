// Which channel of a net is computed from which. A value is what a layer writes to a blob (in place makes a new one); its
// channels are the positions along axis 1, numbered through the net. Layers are told apart by what they do to channels:
// weighted (each output sums the inputs its weights choose), mapped (each output is computed from inputs known beforehand),
// opaque (anything may depend on anything, and nothing may move).

import type { Layer, LayerOf, NetGraph, Shape } from '../graph'
import { isPrunable } from '../graph'
import { weightBlock, type WeightBlock } from './weightBlock'

export interface Value {
  /** Number of its first channel; the others follow. */
  first: number
  channels: number
  shape: Shape
}

interface StepOf {
  layer: Layer
  inputs: Value[]
  outputs: Value[]
}

export interface Weighted extends StepOf {
  kind: 'weighted'
  layer: LayerOf<'Convolution'> | LayerOf<'InnerProduct'>
  block: WeightBlock
}

export interface Mapped extends StepOf {
  kind: 'mapped'
  /** Inputs of each output channel, `arity` to each, by output value; -1 where there is none (beyond the edge). */
  sources: Int32Array[]
  arity: number
  /** Channels keep their distances: none can be taken out. */
  fixed: boolean
}

export interface Opaque extends StepOf {
  kind: 'opaque'
}

export type Step = Weighted | Mapped | Opaque

export interface ChannelGraph {
  /** In net order. */
  steps: Step[]
  /** Channels of all values. */
  channels: number
  /** Values that no layer reads: what the net is for. */
  results: Value[]
}

export function channelGraph(graph: NetGraph): ChannelGraph {
  const current = new Map<string, Value>()
  const unread = new Set<Value>()
  const shared = sharedParameters(graph)
  let channels = 0
  const steps = graph.layers.map((layer) => {
    const inputs = layer.bottoms.flatMap((blob) => current.get(blob) ?? [])
    const outputs = layer.tops.map((blob, i) => {
      const value = valueAt(channels, layer.top_shapes[i])
      channels += value.channels
      current.set(blob, value)
      return value
    })
    inputs.forEach((value) => unread.delete(value))
    outputs.forEach((value) => unread.add(value))
    const known = layer.parameters.some(({ name }) => shared.has(name))
      ? null
      : knownStep(layer, inputs, outputs)
    return known ?? ({ kind: 'opaque', layer, inputs, outputs } as const)
  })
  return { steps, channels, results: [...unread] }
}

function valueAt(first: number, shape: Shape): Value {
  return { first, channels: shape.length > 1 ? shape[1] : 1, shape }
}

/** Names of parameters that several layers use: what is taken out for one would be missing in the other. */
function sharedParameters(graph: NetGraph): Set<string> {
  const seen = new Set<string>()
  const shared = new Set<string>()
  for (const { name } of graph.layers.flatMap(({ parameters }) => parameters)) {
    if (name !== '' && seen.has(name)) shared.add(name)
    seen.add(name)
  }
  return shared
}

/** Null for a layer whose effect on channels is not known. */
function knownStep(layer: Layer, inputs: Value[], outputs: Value[]): Weighted | Mapped | null {
  const [input] = inputs
  const [output] = outputs
  if (input === undefined || output === undefined || input.shape.length < 2) return null
  const base = { layer, inputs, outputs }
  const mapped = (sources: Int32Array[], arity = 1, fixed = false): Mapped => ({
    ...base,
    kind: 'mapped',
    sources,
    arity,
    fixed,
  })
  if (isPrunable(layer)) {
    if (inputs.length > 1 || layer.params.axis !== 1) return null
    return { ...base, kind: 'weighted', layer, block: weightBlock(layer, input.shape) }
  }
  switch (layer.type) {
    case 'Concat':
      if (layer.params.axis !== 1 || inputs.length < layer.bottoms.length) return null
      return mapped([Int32Array.from(inputs.flatMap(channelsOf))])
    case 'Slice':
      if (layer.params.axis !== 1) return null
      return mapped(slices(input, outputs))
    case 'Flatten':
    case 'Reshape':
      return isFlattening(input, output) ? mapped([spread(input, output)]) : null
    case 'LRN':
      if (layer.params.norm_region === 'WITHIN_CHANNEL') return mapped([sameOf(inputs)])
      return mapped([neighbours(input, layer.params.local_size)], layer.params.local_size, true)
    case 'Split':
      return mapped(outputs.map(() => sameOf([input])))
    case 'Eltwise':
      return inputs.length === layer.bottoms.length ? mapped([sameOf(inputs)], inputs.length) : null
    case 'Scale':
    case 'Bias':
      return isPerChannel(layer) ? mapped([sameOf(inputs)]) : null
    case 'Pooling':
      return outputs.length === 1 ? mapped([sameOf(inputs)]) : null
    default:
      return CHANNEL_BY_CHANNEL.has(layer.type) && inputs.length === 1 ? mapped([sameOf(inputs)]) : null
  }
}

const CHANNEL_BY_CHANNEL = new Set<Layer['type']>([
  'BatchNorm',
  'PReLU',
  'ReLU',
  'ELU',
  'Sigmoid',
  'TanH',
  'AbsVal',
  'BNLL',
  'Power',
  'Exp',
  'Log',
  'Swish',
  'Clip',
  'Threshold',
  'Dropout',
])

function channelsOf({ first, channels }: Value): number[] {
  return Array.from({ length: channels }, (_, i) => first + i)
}

/** Output channel i from channel i of every input. */
function sameOf(inputs: Value[]): Int32Array {
  const arity = inputs.length
  return Int32Array.from(
    { length: inputs[0].channels * arity },
    (_, i) => inputs[i % arity].first + Math.floor(i / arity),
  )
}

function slices(input: Value, outputs: Value[]): Int32Array[] {
  let next = input.first
  return outputs.map(({ channels }) => Int32Array.from({ length: channels }, () => next++))
}

/** Each item becomes one row. */
function isFlattening({ shape }: Value, output: Value): boolean {
  return output.shape.length === 2 && output.shape[0] === shape[0]
}

function spread({ first, channels }: Value, output: Value): Int32Array {
  const inner = output.channels / channels
  return Int32Array.from({ length: output.channels }, (_, i) => first + Math.floor(i / inner))
}

function neighbours({ first, channels }: Value, size: number): Int32Array {
  const before = (size - 1) / 2
  return Int32Array.from({ length: channels * size }, (_, i) => {
    const channel = Math.floor(i / size) + (i % size) - before
    return channel < 0 || channel >= channels ? -1 : first + channel
  })
}

function isPerChannel({ bottoms, parameters, params }: LayerOf<'Scale'> | LayerOf<'Bias'>): boolean {
  return bottoms.length === 1 && params.axis === 1 && parameters[0]?.shape.length === 1
}
