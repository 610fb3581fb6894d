// A pruned net made smaller: what does nothing is cleaned away, and channels without a reader are taken out of blobs and
// layers, so that a runtime that computes every weight computes fewer. The function is the same but for rounding; names of
// layers and blobs stay.

import type { MaskedBlob } from '../clean/blobs'
import type { Step } from '../clean/channelGraph'
import { Cleaner } from '../clean/Cleaner'
import type { Layer, NetGraph } from '../graph'
import { withBiases, withoutBias } from './biases'
import { compactBlob, compactLayer } from './compactLayer'
import { keptChannels } from './keptChannels'
import { livePart, silence } from './liveSteps'

/** A layer's blob `slot`, in Caffe's layout, 0 where pruned. */
export type BlobReader = (layer: string, slot: number) => Promise<Float32Array>

export interface CompactNet {
  graph: NetGraph
  blobs: BlobReader
}

/** `graph`: phase TEST. Holds all weights in memory; the arrays that `read` answers are not changed. */
export async function compactNet(graph: NetGraph, read: BlobReader): Promise<CompactNet> {
  const biased = withBiases(graph)
  const blobs = new Map<string, MaskedBlob[]>()
  for (const layer of biased.graph.layers) {
    const own = layer.parameters.map(async (_, slot) => ({
      values: biased.isAdded(layer.name, slot)
        ? new Float32Array(layer.top_shapes[0][1])
        : (await read(layer.name, slot)).slice(),
    }))
    if (own.length > 0) blobs.set(layer.name, await Promise.all(own))
  }
  const cleaner = new Cleaner(biased.graph)
  cleaner.clean(blobs)
  const kept = keptChannels(cleaner.channels, (channel) => cleaner.isRead(channel))

  const steps = new Map<string, Step>()
  const layers: Layer[] = []
  const live = livePart(cleaner.channels, kept)
  for (const step of live.steps) {
    const compact = compactLayer(step, kept)
    const isIdle = (_: MaskedBlob, slot: number): boolean =>
      biased.isAdded(compact.name, slot) && isZero(blobs.get(compact.name)?.[slot])
    layers.push(blobs.get(compact.name)?.some(isIdle) ? withoutBias(compact) : compact)
    steps.set(compact.name, step)
    const idle = live.idleTops(step)
    if (idle.length > 0) layers.push(silence(compact.name, idle))
  }
  return {
    graph: { ...graph, layers },
    blobs: async (name, slot) => {
      const step = steps.get(name)
      const blob = blobs.get(name)?.[slot]
      if (step === undefined || blob === undefined) return read(name, slot)
      return compactBlob(step, slot, blob.values, kept)
    },
  }
}

function isZero(blob: MaskedBlob | undefined): boolean {
  return blob?.values.every((value) => value === 0) ?? true
}
