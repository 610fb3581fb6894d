// When a layer is masked anew, and where a stretch of training iterations has to end.

import type { Mt19937 } from './mt19937'
import type { OlmpSettings } from './settings'

/** A layer the loop prunes. */
export interface PrunedLayer {
  name: string
  /** Position in Session.prunableLayers. */
  index: number
  gamma: number
}

export interface PrunableLayer {
  name: string
  type: 'Convolution' | 'InnerProduct'
}

/** The layers to prune, in net order, with their gamma. `prunable` as in Session.prunableLayers. */
export function prunedLayers(settings: OlmpSettings, prunable: PrunableLayer[]): PrunedLayer[] {
  return prunable.flatMap(({ name, type }, index) => {
    const own = settings.layers.find((layer) => layer.name === name)
    if (own?.prune === false) return []
    const byType = type === 'Convolution' ? settings.gammaConvolution : settings.gammaInnerProduct
    return [{ name, index, gamma: own?.gamma ?? byType }]
  })
}

/** Indices of the layers masked anew at an iteration: each with probability (1 + gamma k)^-1. One draw per layer, in
 *  net order. */
export function drawLayers(layers: PrunedLayer[], iteration: number, random: Mt19937): number[] {
  return layers.filter(({ gamma }) => 1 / (1 + gamma * iteration) > random.rand()).map((layer) => layer.index)
}

/** Words per iteration of Session.train's `remask`. */
export function remaskWords(prunableLayers: number): number {
  return Math.max(1, Math.ceil(prunableLayers / 32))
}

/** Sets the bits of `layers` in the words of one iteration. */
export function setRemaskBits(words: Uint32Array, layers: number[]): void {
  for (const layer of layers) words[layer >>> 5] |= 1 << (layer & 31)
}

/** `train`'s remask words for iterations [from, from + iterations); draws go on after pruneStop, without effect. */
export function drawRemask(
  layers: PrunedLayer[],
  prunableLayers: number,
  from: number,
  iterations: number,
  pruneStop: number,
  random: Mt19937,
): Uint32Array {
  const words = remaskWords(prunableLayers)
  const remask = new Uint32Array(iterations * words)
  for (let i = 0; i < iterations; i++) {
    const drawn = drawLayers(layers, from + i, random)
    if (from + i < pruneStop) setRemaskBits(remask.subarray(i * words, (i + 1) * words), drawn)
  }
  return remask
}

function isMultiple(value: number, interval: number): boolean {
  return interval > 0 && value % interval === 0
}

/** What is due before iteration k of the loop. Tests and checkpoints go by the solver's iteration, which is k + 1: one
 *  step precedes the loop. */
export class Schedule {
  constructor(
    private readonly settings: OlmpSettings,
    private readonly checkpointInterval: number,
  ) {}

  isSearch(k: number): boolean {
    return k < this.settings.pruneStop && k % this.settings.pruneInterval === 0
  }

  isReport(k: number): boolean {
    return isMultiple(k, this.settings.testInterval)
  }

  isTest(k: number): boolean {
    return isMultiple(k + 1, this.settings.testInterval)
  }

  isCheckpoint(k: number): boolean {
    return isMultiple(k + 1, this.checkpointInterval)
  }

  /** The first iteration after k before which something is due, at most k + most. */
  endOfStretch(k: number, most: number): number {
    const last = Math.min(this.settings.iterations, k + most)
    for (let next = k + 1; next < last; next++) {
      const due = this.isSearch(next) || this.isReport(next) || this.isTest(next) || this.isCheckpoint(next)
      if (due || next === this.settings.pruneStop) return next
    }
    return last
  }
}
