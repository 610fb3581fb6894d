// Takes out of a pruned net what does nothing, so that the net computes the same but for rounding: weights that read a
// channel which never varies (what they add goes into the bias, or else through one such channel for all), and the weights
// and biases of channels nobody reads.
// One pass forward for the constants and one backward for the readers reach the end: the first takes only readers away from
// channels, the second only weights from outputs without readers.

import type { NetGraph } from '../graph'
import { effective, keptEntries, type LayerBlobs, type MaskedBlob } from './blobs'
import { channelGraph, type ChannelGraph, type Mapped, type Weighted } from './channelGraph'
import { constantMap } from './constants'
import { mergeConstants } from './mergeConstants'
import { firstInput } from './weightBlock'

export interface CleanResult {
  /** Outputs of layers that lost all they had. */
  removedUnits: number
  removedWeights: number
  removedBiases: number
  /** Biases that were pruned and now carry what a constant channel added. Never more than the weights removed. */
  addedBiases: number
  /** Layers whose values or masks changed. */
  changed: Set<string>
}

export class Cleaner {
  readonly channels: ChannelGraph
  /** By channel: what it holds, whatever the input; NaN where it varies. */
  private readonly constant: Float64Array
  private readonly read: Uint8Array

  /** The function kept is that of this graph at test time; of a training net's that includes auxiliary classifiers. */
  constructor(graph: NetGraph) {
    this.channels = channelGraph(graph)
    this.constant = new Float64Array(this.channels.channels)
    this.read = new Uint8Array(this.channels.channels)
  }

  /** Changes the blobs of convolutions and inner products in place: masks where there are, else values become 0. Blobs of
   *  other layers (BatchNorm, Scale, Bias, PReLU) are only read; a layer without its blobs is left as it is. */
  clean(blobs: LayerBlobs): CleanResult {
    const result: CleanResult = {
      removedUnits: 0,
      removedWeights: 0,
      removedBiases: 0,
      addedBiases: 0,
      changed: new Set(),
    }
    this.constant.fill(Number.NaN)
    for (const step of this.channels.steps) {
      if (step.kind === 'mapped') this.mapConstants(step, blobs)
      const own = blobs.get(step.layer.name)
      if (step.kind === 'weighted' && own !== undefined) this.foldConstants(step, own, result)
    }
    this.read.fill(0)
    this.channels.results.forEach(({ first, channels }) => this.read.fill(1, first, first + channels))
    for (const step of this.channels.steps.toReversed()) {
      const own = blobs.get(step.layer.name)
      if (step.kind === 'mapped') this.markSources(step)
      else if (step.kind === 'weighted' && own !== undefined) this.dropUnread(step, own, result)
      else step.inputs.forEach(({ first, channels }) => this.read.fill(1, first, first + channels))
    }
    return result
  }

  /** After clean(): whether what channel `channel` holds reaches a result of the net. */
  isRead(channel: number): boolean {
    return this.read[channel] !== 0
  }

  private mapConstants({ layer, outputs, sources, arity }: Mapped, blobs: LayerBlobs): void {
    const map = constantMap(layer, blobs)
    const inputs = new Array<number>(arity)
    outputs.forEach(({ first, channels }, t) => {
      for (let c = 0; c < channels; c++) {
        for (let a = 0; a < arity; a++) {
          const source = sources[t][c * arity + a]
          inputs[a] = source < 0 ? 0 : this.constant[source]
        }
        this.constant[first + c] = map(inputs, c)
      }
    })
  }

  private foldConstants(step: Weighted, [weights, bias]: MaskedBlob[], result: CleanResult): void {
    const { block, outputs, layer } = step
    const [{ first }] = outputs
    const passes = bias !== undefined && !isPadded(layer)
    if (!passes) this.mergeConstants(step, weights, result)
    const foldable = this.foldable(step, passes)
    const anyFoldable = foldable.some((value) => !Number.isNaN(value))
    const kept = keptEntries(weights)
    for (let o = 0; o < block.outputs; o++) {
      let varies = false
      let shift = 0
      let folded = 0
      for (let c = 0; c < block.inputs; c++) {
        const value = foldable[firstInput(block, o) + c]
        const from = o * block.outputStride + c * block.inputStride
        const to = from + block.inner * block.innerStride
        for (let i = from; i < to; i += block.innerStride) {
          if (kept[i] === 0) continue
          if (Number.isNaN(value)) {
            varies = true
            break
          }
          shift += weights.values[i] * value
          kept[i] = 0
          folded++
        }
        if (varies && !anyFoldable) break
      }
      if (folded > 0) {
        result.removedWeights += folded
        result.changed.add(layer.name)
        if (shift !== 0) result.addedBiases += addBias(bias, o, shift)
      }
      if (!varies) this.constant[first + o] = bias === undefined ? 0 : effective(bias, o)
    }
  }

  private mergeConstants(
    { layer, block, inputs: [{ first }] }: Weighted,
    weights: MaskedBlob,
    result: CleanResult,
  ): void {
    const fewer = mergeConstants(block, weights, this.constant.subarray(first))
    if (fewer === null) return
    result.removedWeights += fewer
    result.changed.add(layer.name)
  }

  /** By input channel: its constant where that can go into the bias, else NaN. A layer passes all on exactly, or only 0. */
  private foldable({ inputs: [{ first, channels }] }: Weighted, passes: boolean): Float64Array {
    const values = this.constant.slice(first, first + channels)
    return passes ? values : values.map((value) => (value === 0 ? 0 : Number.NaN))
  }

  private markSources({ outputs, sources, arity }: Mapped): void {
    outputs.forEach(({ first, channels }, t) => {
      for (let c = 0; c < channels; c++) {
        if (this.read[first + c] === 0) continue
        for (let a = 0; a < arity; a++) {
          const source = sources[t][c * arity + a]
          if (source >= 0) this.read[source] = 1
        }
      }
    })
  }

  private dropUnread(step: Weighted, [weights, bias]: MaskedBlob[], result: CleanResult): void {
    const { block, inputs, outputs, layer } = step
    const kept = keptEntries(weights)
    for (let o = 0; o < block.outputs; o++) {
      const first = inputs[0].first + firstInput(block, o)
      const unread = this.read[outputs[0].first + o] === 0
      let dropped = 0
      for (let c = 0; c < block.inputs; c++) {
        if (!unread && this.read[first + c] !== 0) continue
        const from = o * block.outputStride + c * block.inputStride
        const to = from + block.inner * block.innerStride
        for (let i = from; i < to; i += block.innerStride) {
          if (kept[i] === 0) continue
          if (!unread) {
            this.read[first + c] = 1
            break
          }
          kept[i] = 0
          dropped++
        }
      }
      if (!unread) continue
      const droppedBias = bias === undefined ? 0 : dropBias(bias, o)
      if (dropped + droppedBias === 0) continue
      result.removedUnits++
      result.removedWeights += dropped
      result.removedBiases += droppedBias
      result.changed.add(layer.name)
    }
  }
}

/** The border of zeros holds another value than the channel. */
function isPadded(layer: Weighted['layer']): boolean {
  return layer.type === 'Convolution' && layer.params.pad.some((size) => size > 0)
}

/** Returns how many biases are newly kept: 0 or 1. */
function addBias(bias: MaskedBlob, o: number, shift: number): number {
  const kept = keptEntries(bias)
  const added = kept[o] === 0 ? 1 : 0
  bias.values[o] = effective(bias, o) + shift
  if (bias.mask !== undefined) bias.mask[o] = 1
  return added
}

/** Returns how many biases went: 0 or 1. */
function dropBias(bias: MaskedBlob, o: number): number {
  const kept = keptEntries(bias)
  if (kept[o] === 0) return 0
  kept[o] = 0
  return 1
}
