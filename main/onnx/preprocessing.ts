// Caffe's test-time preprocessing, (pixel - mean) * scale after a centre crop, as nodes at the net's input: the exported
// model then takes raw pixels.

import type { Shape, Transform } from '../net/graph'
import { count } from '../net/graph'
import { AppError } from '../net/errors'
import type { GraphBuilder } from './GraphBuilder'

/** Pixels of a mean image in Caffe's order, at the size of the stored images, before cropping. */
export interface MeanImage {
  /** (C, H, W) */
  shape: [number, number, number]
  values: Float32Array
}

export interface Preprocessing {
  transform: Transform
  /** The content of transform.mean_file, where it is set. */
  meanImage?: MeanImage
}

/** Adds Sub and Mul as needed between raw pixels and the net; returns the value the net reads. */
export function addPreprocessing(
  builder: GraphBuilder,
  input: string,
  inputShape: Shape,
  preprocessing: Preprocessing,
): string {
  const { scale } = preprocessing.transform
  const mean = meanOperand(inputShape, preprocessing)
  let value = input
  if (mean !== undefined) {
    const operand = builder.floats(`${input}.mean`, mean.shape, async () => mean.values)
    const centred = builder.unique(`${input}/centred`)
    builder.node(`${input}/subtract_mean`, 'Sub', [value, operand], [centred])
    value = centred
  }
  if (scale !== 1) {
    const operand = builder.floats(`${input}.scale`, [], async () => Float32Array.of(scale))
    const scaled = builder.unique(`${input}/scaled`)
    builder.node(`${input}/scale`, 'Mul', [value, operand], [scaled])
    value = scaled
  }
  return value
}

/** What is subtracted from an input of (N, C, H, W): an image (1, C, H, W) or channel values (1, C, 1, 1). */
export function meanOperand(
  inputShape: Shape,
  { transform, meanImage }: Preprocessing,
): { shape: Shape; values: Float32Array } | undefined {
  const [, channels, height, width] = inputShape
  if (meanImage !== undefined) {
    if (meanImage.shape[0] !== channels || meanImage.shape[1] < height || meanImage.shape[2] < width) {
      throw new AppError(
        'mean-mismatch',
        `the mean image is (${meanImage.shape.join(', ')}) where the net's input is (${channels}, ${height}, ${width})`,
        { file: transform.mean_file, hint: 'choose the mean image the net was trained with' },
      )
    }
    return { shape: [1, channels, height, width], values: centreCrop(meanImage, height, width) }
  }
  if (transform.mean_file !== '') {
    throw new AppError('mean-missing', 'the mean image of the net has not been read', {
      file: transform.mean_file,
      hint: 'locate the mean file or export without preprocessing',
    })
  }
  const { mean_value } = transform
  if (mean_value.every((value) => value === 0)) return undefined
  if (mean_value.length !== 1 && mean_value.length !== channels) {
    throw new AppError('mean-mismatch', `${mean_value.length} mean values stand for ${channels} channels`, {
      hint: 'give one mean_value, or one for each channel',
    })
  }
  return { shape: [1, mean_value.length, 1, 1], values: Float32Array.from(mean_value) }
}

/** The middle (height, width) of an image, offset rounded down as in Caffe's DataTransformer. */
export function centreCrop(
  image: { shape: [number, number, number]; values: Float32Array },
  height: number,
  width: number,
): Float32Array {
  const [channels, fullHeight, fullWidth] = image.shape
  if (fullHeight === height && fullWidth === width) return image.values
  const top = Math.floor((fullHeight - height) / 2)
  const left = Math.floor((fullWidth - width) / 2)
  const cropped = new Float32Array(count([channels, height, width]))
  for (let row = 0; row < channels * height; row++) {
    const channel = Math.floor(row / height)
    const start = (channel * fullHeight + top + (row % height)) * fullWidth + left
    cropped.set(image.values.subarray(start, start + width), row * width)
  }
  return cropped
}
