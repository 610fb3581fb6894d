// Images on their way into an exported model: stored datums as pixels of the net's input, and those as its first layer
// reads them.

import type { DatumImage } from '../engine/binding'
import { AppError } from '../net/errors'
import { count } from '../net/graph'
import { centreCrop, meanOperand, type Preprocessing } from './preprocessing'

type ImageShape = [number, number, number]

/** The datum's pixels at the net's input: colour as the data layer makes it, cropped to the middle. Nothing is mirrored. */
export function inputPixels(
  { shape, pixels }: Pick<DatumImage, 'shape' | 'pixels'>,
  input: ImageShape,
): Float32Array {
  const [channels, height, width] = input
  if (shape[1] < height || shape[2] < width) {
    throw new AppError(
      'image-too-small',
      `an image of the dataset is ${shape[2]} by ${shape[1]} pixels where the net takes ${width} by ${height}`,
      { hint: 'choose the dataset the net was trained with' },
    )
  }
  const cropped = centreCrop({ shape, values: pixels }, height, width)
  return inChannels(cropped, shape[0], channels)
}

/** Grey made colour and colour (BGR) made grey, as OpenCV does. */
function inChannels(values: Float32Array, from: number, to: number): Float32Array {
  if (from === to) return values
  const area = values.length / from
  if (from === 1) return Float32Array.from({ length: to * area }, (_, i) => values[i % area])
  if (from === 3 && to === 1) {
    return Float32Array.from({ length: area }, (_, i) =>
      Math.round(0.114 * values[i] + 0.587 * values[area + i] + 0.299 * values[2 * area + i]),
    )
  }
  throw new AppError('channel-mismatch', `the dataset has ${from} channels where the net takes ${to}`, {
    hint: 'choose the dataset the net was trained with',
  })
}

/** (pixel - mean) * scale */
export function preprocessed(
  pixels: Float32Array,
  input: ImageShape,
  preprocessing: Preprocessing,
): Float32Array {
  const mean = meanOperand([1, ...input], preprocessing)?.values ?? Float32Array.of(0)
  const repeats = count(input) / mean.length
  const { scale } = preprocessing.transform
  return pixels.map((pixel, i) => (pixel - mean[Math.floor(i / repeats)]) * scale)
}

/** A picture of at most `largest` pixels a side, RGBA; a third channel and more are left out where there are not three. */
export function picture(
  { shape, pixels }: Pick<DatumImage, 'shape' | 'pixels'>,
  largest: number,
): { width: number; height: number; pixels: Uint8Array<ArrayBuffer> } {
  const [channels, height, width] = shape
  const step = Math.max(1, Math.ceil(Math.max(width, height) / largest))
  const [w, h] = [Math.ceil(width / step), Math.ceil(height / step)]
  const rgba = new Uint8Array(w * h * 4)
  const area = width * height
  for (let y = 0; y < h; y++) {
    for (let x = 0; x < w; x++) {
      const at = y * step * width + x * step
      // stored as BGR
      const colour = channels === 3 ? [2, 1, 0].map((c) => pixels[c * area + at]) : Array(3).fill(pixels[at])
      rgba.set([...colour.map(byte), 255], (y * w + x) * 4)
    }
  }
  return { width: w, height: h, pixels: rgba }
}

function byte(value: number): number {
  return Math.min(255, Math.max(0, Math.round(value)))
}
