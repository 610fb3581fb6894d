// Constants that cannot go into a bias (there is none, or the border of a padded convolution is no constant) are read through
// one of them, the largest of their group, so that the others lose a reader.

import { keptEntries, type MaskedBlob } from './blobs'
import type { WeightBlock } from './weightBlock'

/** `constant`: by input channel, NaN where it varies. Returns how many weights fewer are kept, never below 0; null where
 *  nothing changed. */
export function mergeConstants(
  block: WeightBlock,
  weights: MaskedBlob,
  constant: Float64Array,
): number | null {
  const outputsPerGroup = block.outputs / block.groups
  let fewer: number | null = null
  for (let g = 0; g < block.groups; g++) {
    const values = constant.subarray(g * block.inputs, (g + 1) * block.inputs)
    const outputs = Array.from({ length: outputsPerGroup }, (_, i) => g * outputsPerGroup + i)
    const constants = [...values.keys()]
      .filter((c) => values[c] !== 0 && !Number.isNaN(values[c]))
      .filter((c) => outputs.some((o) => isReadBy(weights, block, o, c)))
    if (constants.length < 2) continue
    fewer ??= 0
    const largest = constants.reduce((a, b) => (Math.abs(values[b]) > Math.abs(values[a]) ? b : a))
    for (const c of constants) {
      if (c === largest) continue
      for (const o of outputs)
        fewer += moveWeights(weights, block, o, [c, largest], values[c] / values[largest])
    }
  }
  return fewer
}

function isReadBy(weights: MaskedBlob, block: WeightBlock, output: number, channel: number): boolean {
  const { outputStride, inputStride, inner, innerStride } = block
  const kept = keptEntries(weights)
  const from = output * outputStride + channel * inputStride
  for (let s = 0; s < inner; s++) if (kept[from + s * innerStride] !== 0) return true
  return false
}

/** Returns how many weights fewer are kept. */
function moveWeights(
  weights: MaskedBlob,
  { outputStride, inputStride, inner, innerStride }: WeightBlock,
  output: number,
  [source, target]: [number, number],
  share: number,
): number {
  const { values, mask } = weights
  const kept = keptEntries(weights)
  let fewer = 0
  for (let s = 0; s < inner; s++) {
    const from = output * outputStride + source * inputStride + s * innerStride
    if (kept[from] === 0) continue
    const to = from + (target - source) * inputStride
    if (kept[to] !== 0) fewer++
    values[to] = (kept[to] === 0 ? 0 : values[to]) + values[from] * share
    kept[from] = 0
    if (mask !== undefined) mask[to] = 1
  }
  return fewer
}
