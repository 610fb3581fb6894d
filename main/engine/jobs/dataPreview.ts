// Images of a dataset for the eye, and what the stored model says they are.

import { releaseWeights } from '../../caffe/caffemodel'
import { matchWeights } from '../../caffe/weights'
import { centreCrop, meanOperand, type Preprocessing } from '../../onnx/preprocessing'
import { preprocessingOf } from '../../runs/exportRun'
import { importModel } from '../../runs/openModel'
import type { DataPreview, ImagePrediction, PreviewImage } from '../../projects/types'
import type { ModelSource } from '../../runs/types'
import { outputs } from '../../net/analysis'
import { AppError } from '../../net/errors'
import { count, type LayerOf, type NetGraph, type Phase } from '../../net/graph'
import type { DatumImage, EngineAddon, Session } from '../binding'
import { engineError } from '../errors'

/** Longer sides than this are made shorter: a page of photographs would be megabytes otherwise. */
const longestSide = 128

export async function dataPreview(
  addon: EngineAddon,
  { dataset, start, count: wanted }: { dataset: string; start: number; count: number },
): Promise<DataPreview> {
  try {
    const { entries, shape } = await addon.describeDatums(dataset)
    const images = start < entries ? await addon.readDatums(dataset, start, wanted) : []
    return { entries, shape, images: images.map((image, i) => previewImage(image, start + i)) }
  } catch (error) {
    throw engineError(error)
  }
}

/** Grey or, as OpenCV and so Caffe stores colour, BGR; of other channel counts the first channel is shown. Bytes as they
 *  are; other values (float datums) from their least to their greatest. */
export function previewImage({ shape, label, pixels }: DatumImage, index: number): PreviewImage {
  const [channels, height, width] = shape
  const step = Math.max(1, Math.ceil(Math.max(height, width) / longestSide))
  const shownWidth = Math.ceil(width / step)
  const shownHeight = Math.ceil(height / step)
  const { low, high } = valueRange(pixels)
  const scale = high > low ? 255 / (high - low) : 0
  const plane = height * width
  const planes = channels === 3 ? [2, 1, 0] : [0, 0, 0]
  const rgba = new Uint8Array(shownWidth * shownHeight * 4)
  for (let y = 0; y < shownHeight; y++) {
    for (let x = 0; x < shownWidth; x++) {
      const to = 4 * (y * shownWidth + x)
      planes.forEach((channel, part) => {
        const value = blockMean(pixels, channel * plane, width, height, x * step, y * step, step)
        rgba[to + part] = Math.round((value - low) * scale)
      })
      rgba[to + 3] = 255
    }
  }
  return { index, label, width: shownWidth, height: shownHeight, pixels: rgba }
}

function valueRange(pixels: Float32Array): { low: number; high: number } {
  let low = Number.POSITIVE_INFINITY
  let high = Number.NEGATIVE_INFINITY
  for (const value of pixels) {
    if (value < low) low = value
    if (value > high) high = value
  }
  return low >= 0 && high > 1 && high <= 255 ? { low: 0, high: 255 } : { low, high }
}

function blockMean(
  pixels: Float32Array,
  offset: number,
  width: number,
  height: number,
  left: number,
  top: number,
  step: number,
): number {
  let sum = 0
  let items = 0
  for (let y = top; y < Math.min(height, top + step); y++) {
    for (let x = left; x < Math.min(width, left + step); x++) {
      sum += pixels[offset + y * width + x]
      items++
    }
  }
  return sum / items
}

export interface PredictOptions {
  addon: EngineAddon
  cacheFolder: string
  threads: number
}

/** Runs the net as it is deployed, on the stored weights, over images [start, start + count) of a phase's data, put
 *  through the preprocessing of its test net. Throws AppErrors of the importer and the engine, 'no-weights', 'no-dataset',
 *  'no-prediction'. */
export async function predictImages(
  source: ModelSource,
  { phase, start, count: wanted }: { phase: Phase; start: number; count: number },
  { addon, cacheFolder, threads }: PredictOptions,
): Promise<ImagePrediction[]> {
  const model = await importModel(source, { addon, cacheFolder })
  const { weights } = model
  try {
    const dataset = model.data.find((data) => data.phase === phase)?.resolved ?? null
    const deploy = model.deploy
    const measured = model.test ?? model.train
    if (weights === null)
      throw new AppError('no-weights', 'there are no trained weights in the folder', { file: model.folder })
    if (dataset === null || measured === null || deploy === null)
      throw new AppError('no-dataset', 'there is no data to look at', { file: model.folder })
    const { input, output } = endsOf(deploy)
    const preprocessing = await preprocessingOf(measured)
    const datums = await addon.readDatums(dataset, start, wanted)
    const session = await addon.createSession({
      test: JSON.stringify(deploy),
      device: 'cpu',
      threads,
      seed: 0,
      rateEncoding: 'exact',
    })
    try {
      await session.loadParameters(matchWeights(weights, session.parameters, [deploy]).placements)
      return await predictAll(session, datums, input, output, preprocessing)
    } finally {
      await session.close()
    }
  } catch (error) {
    throw engineError(error)
  } finally {
    if (weights !== null) releaseWeights(weights)
  }
}

interface Blob {
  name: string
  /** (N, C, H, W), or (N, classes) */
  shape: number[]
}

function endsOf(graph: NetGraph): { input: Blob; output: Blob } {
  const inputs = graph.layers.filter((layer): layer is LayerOf<'Input'> => layer.type === 'Input')
  const names = outputs(graph)
  const last = graph.layers.findLast(({ tops }) => tops.includes(names.at(-1) ?? ''))
  const shape = last?.top_shapes[last.tops.indexOf(names.at(-1) ?? '')]
  if (
    inputs.length !== 1 ||
    inputs[0].top_shapes[0].length !== 4 ||
    shape === undefined ||
    shape.length < 2
  ) {
    throw new AppError(
      'no-prediction',
      'the net does not take one image and give one score per class, so its answers cannot be shown',
      { file: graph.layers[0]?.at?.file },
    )
  }
  return {
    input: { name: inputs[0].tops[0], shape: inputs[0].top_shapes[0] },
    output: { name: names.at(-1) ?? '', shape },
  }
}

async function predictAll(
  session: Session,
  datums: DatumImage[],
  input: Blob,
  output: Blob,
  preprocessing: Preprocessing | undefined,
): Promise<ImagePrediction[]> {
  const [batch, ...item] = input.shape
  const itemSize = count(item)
  const classes = count(output.shape) / output.shape[0]
  const predictions: ImagePrediction[] = []
  for (let start = 0; start < datums.length; start += batch) {
    const images = datums.slice(start, start + batch)
    const values = new Float32Array(batch * itemSize)
    images.forEach((image, i) => values.set(preprocessed(image, input.shape, preprocessing), i * itemSize))
    await session.setBlob('TEST', input.name, 'data', values)
    await session.forward('TEST')
    const scores = await session.getBlob('TEST', output.name, 'data')
    images.forEach((_, i) => predictions.push(strongest(scores.subarray(i * classes, (i + 1) * classes))))
  }
  return predictions
}

/** (pixel - mean) * scale after the centre crop, as Caffe's test phase does. */
function preprocessed(
  { shape, pixels }: DatumImage,
  inputShape: number[],
  preprocessing: Preprocessing | undefined,
): Float32Array {
  const [, channels, height, width] = inputShape
  if (shape[0] !== channels || shape[1] < height || shape[2] < width) {
    throw new AppError(
      'no-prediction',
      `the images are (${shape.join(', ')}), the net takes (${inputShape.slice(1).join(', ')})`,
    )
  }
  const cropped = centreCrop({ shape, values: pixels }, height, width)
  if (preprocessing === undefined) return cropped
  const mean = meanOperand(inputShape, preprocessing)?.values ?? Float32Array.of(0)
  const repeats = cropped.length / mean.length
  const { scale } = preprocessing.transform
  return cropped.map((value, i) => (value - mean[Math.floor(i / repeats)]) * scale)
}

/** The probability is told only where the scores are probabilities. */
function strongest(scores: Float32Array): ImagePrediction {
  let label = 0
  let sum = 0
  let least = 0
  scores.forEach((score, i) => {
    if (score > scores[label]) label = i
    sum += score
    least = Math.min(least, score)
  })
  return { label, probability: least >= 0 && Math.abs(sum - 1) < 1e-3 ? scores[label] : null }
}
