// Pixels for the exported model that are those of the engine's test batch. Read from the database itself where possible, so
// that a wrong mean, scale or crop in the exported graph shows.

import type { EngineAddon } from '../engine/binding'
import { AppError } from '../net/errors'
import type { LayerOf, Shape } from '../net/graph'
import { count } from '../net/graph'
import type { Preprocessing } from './preprocessing'
import { centreCrop, meanOperand } from './preprocessing'

export interface TestImages {
  addon: Pick<EngineAddon, 'readDatums'>
  dataLayer: LayerOf<'Data'>
  /** As put into the exported graph. undefined: the model takes the blob as the engine's data layer makes it. */
  included: Preprocessing | undefined
}

/** Inputs of items [start, start + items) of the test set; `data` is the engine's data blob of that batch. */
export async function testInputs(
  { addon, dataLayer, included }: TestImages,
  start: number,
  items: number,
  data: Float32Array,
): Promise<Float32Array> {
  const shape = dataLayer.top_shapes[0]
  const itemSize = count(shape.slice(1))
  if (included === undefined) return data.subarray(0, items * itemSize)

  const [, channels, height, width] = shape
  const mean = expandedMean(shape, included)
  const { scale } = included.transform
  const images = await addon.readDatums(dataLayer.params.source, start, items)
  const inputs = new Float32Array(items * itemSize)
  images.forEach((image, i) => {
    const seen = data.subarray(i * itemSize, (i + 1) * itemSize)
    const pixels =
      image.shape[0] === channels
        ? centreCrop({ shape: image.shape, values: image.pixels }, height, width)
        : undefined
    inputs.set(pixelsFor(seen, pixels, start + i), i * itemSize)
  })
  return inputs

  function pixelsFor(seen: Float32Array, pixels: Float32Array | undefined, index: number): Float32Array {
    // grey made colour or colour made grey by the data layer: the stored pixels are not what the net takes
    if (pixels === undefined) return seen.map((value, i) => value / scale + mean[i])
    if (sameValues(seen, (i) => (pixels[i] - mean[i]) * scale)) return pixels
    // Caffe mirrors at random in both phases, after subtracting the mean
    const mirrored = (i: number): number => i - (i % width) + (width - 1 - (i % width))
    if (sameValues(seen, (i) => (pixels[mirrored(i)] - mean[mirrored(i)]) * scale)) {
      return pixels.map((_, i) => pixels[mirrored(i)] - mean[mirrored(i)] + mean[i])
    }
    throw new AppError(
      'verification-failed',
      `image ${index} of the test set reaches the engine with other pixels than the export's preprocessing gives it`,
      { file: dataLayer.params.source, hint: 'check mean, scale and crop of the test data layer' },
    )
  }
}

function expandedMean(shape: Shape, included: Preprocessing): Float32Array {
  const itemSize = count(shape.slice(1))
  const mean = meanOperand(shape, included)
  const expanded = new Float32Array(itemSize)
  if (mean === undefined) return expanded
  const repeats = itemSize / mean.values.length
  return expanded.map((_, i) => mean.values[Math.floor(i / repeats)])
}

/** Equal but for float32 rounding of the two operations. */
function sameValues(seen: Float32Array, expected: (index: number) => number): boolean {
  return seen.every((value, i) => Math.abs(value - expected(i)) <= 1e-5 * Math.max(1, Math.abs(value)))
}
