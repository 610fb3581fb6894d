// What of a compact net is still computed: where a layer went, what only it read goes too.

import type { ChannelGraph, Step, Value } from '../clean/channelGraph'
import type { LayerOf } from '../graph'
import { keptPositions } from './keptChannels'

export interface LivePart {
  /** In net order, inputs included. */
  steps: Step[]
  /** Of a live step with several tops: those without a reader, which would otherwise become outputs of the net. */
  idleTops(step: Step): string[]
}

export function livePart({ steps, results }: ChannelGraph, kept: Uint8Array): LivePart {
  const needed = new Set<Value>(results)
  const live = steps.toReversed().filter(({ layer, inputs, outputs }) => {
    const isNeeded = outputs.length === 0 || outputs.some((value) => needed.has(value))
    if (!isNeeded && layer.type !== 'Input') return false
    // a Concat leaves out what is empty
    inputs.filter((value) => keptPositions(value, kept).length > 0).forEach((value) => needed.add(value))
    return true
  })
  return {
    steps: live.reverse(),
    idleTops: ({ layer, outputs }) =>
      layer.type === 'Input' ? [] : layer.tops.filter((_, i) => !needed.has(outputs[i])),
  }
}

/** Caffe's layer for blobs that nobody reads. */
export function silence(reader: string, blobs: string[]): LayerOf<'Silence'> {
  return {
    name: `${reader}/silence`,
    type: 'Silence',
    params: {},
    bottoms: blobs,
    tops: [],
    top_shapes: [],
    parameters: [],
    loss_weights: [],
    propagate_down: [],
  }
}
