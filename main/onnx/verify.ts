// The proof of an export: the engine's test net and onnxruntime on the exported file, over the whole test set.

import { stat } from 'node:fs/promises'
import type { EngineAddon, Session } from '../engine/binding'
import { AppError } from '../net/errors'
import type { LayerOf, NetGraph, Shape } from '../net/graph'
import { count } from '../net/graph'
import { ScoreComparison, softmax } from './comparison'
import type { ScoreLayout } from './comparison'
import { gzipSize } from './gzipSize'
import type { Preprocessing } from './preprocessing'
import { OnnxRuntime } from './runtime'
import { testInputs } from './testInputs'

export interface VerifyOptions {
  file: string
  addon: Pick<EngineAddon, 'readDatums' | 'describeDatums'>
  /** A session with a test net; its test data is rewound before and after. */
  session: Pick<Session, 'rewind' | 'forwardTest'>
  /** The graph of the session's test net: one Data layer, and the blob of scores. */
  testGraph: NetGraph
  /** The graph that was exported. */
  deployGraph: NetGraph
  /** The preprocessing inside the exported graph; undefined where the model takes the preprocessed blob. */
  included?: Preprocessing
  /** Blob of scores in the test net. Default: what its Accuracy layer, or else its SoftmaxWithLoss, reads. */
  scoreBlob?: string
  /** onnxruntime's threads. Default 1. */
  threads?: number
  onProgress?: (images: number, total: number) => void
  signal?: AbortSignal
}

export interface VerificationReport {
  images: number
  accuracyEngine: number
  accuracyOnnx: number
  /** Share of images for which both have the same best class. */
  agreement: number
  /** Over all images and classes, in what was compared. */
  maxAbsDiff: number
  tolerance: number
  /** Probabilities where the model ends in Softmax, else its scores. */
  compared: 'probabilities' | 'scores'
  bytes: number
  /** Level 9 */
  gzipBytes: number
}

/** Largest difference allowed in a probability, and in a score relative to the largest score. */
const TOLERANCE = 1e-4

/** @throws AppError 'verification-failed' where engine and onnxruntime differ by more than rounding. Within the tolerance a
 *  best class can differ only where two classes tie within twice the tolerance. */
export async function verifyOnnx(options: VerifyOptions): Promise<VerificationReport> {
  const { file, session, testGraph, deployGraph } = options
  const subject = findSubject(testGraph, deployGraph, options.scoreBlob)
  const { dataLayer, labelBlob, scoreBlob, layout } = subject
  const [dataBlob] = dataLayer.tops
  const batch = dataLayer.params.batch_size
  const { entries } = await options.addon.describeDatums(dataLayer.params.source)
  const images = { addon: options.addon, dataLayer, included: options.included }
  const itemShape = dataLayer.top_shapes[0].slice(1)

  const comparison = new ScoreComparison(layout)
  const runtime = await OnnxRuntime.load(file, options.threads)
  try {
    await session.rewind('TEST')
    for (let start = 0; start < entries; start += batch) {
      options.signal?.throwIfAborted()
      // the last batch wraps round to images already seen
      const items = Math.min(batch, entries - start)
      const [data, labels, scores] = await session.forwardTest([dataBlob, labelBlob, scoreBlob])
      const values = await testInputs(images, start, items, data)
      const outputs = await runtime.run({ [subject.input]: { shape: [items, ...itemShape], values } })
      const onnx = outputs[subject.output].values
      const engine = subject.compared === 'probabilities' ? softmax(scores, layout) : scores
      comparison.add(engine, onnx, labels, items)
      options.onProgress?.(start + items, entries)
    }
  } finally {
    await runtime.dispose()
    await session.rewind('TEST')
  }

  const { accuracyEngine, accuracyOnnx, agreement, maxAbsDiff } = comparison
  const tolerance = subject.compared === 'probabilities' ? TOLERANCE : TOLERANCE * comparison.maxAbsScore
  if (!(maxAbsDiff <= tolerance)) {
    throw new AppError(
      'verification-failed',
      `the exported model differs from the engine: ${subject.compared} by up to ${maxAbsDiff.toPrecision(3)} ` +
        `(allowed ${tolerance.toPrecision(3)}), accuracy ${percent(accuracyOnnx)} against ${percent(accuracyEngine)}, ` +
        `same class for ${percent(agreement)} of ${entries} images`,
      { file, hint: 'the file was not kept; report this net' },
    )
  }
  const bytes = (await stat(file)).size
  const gzipBytes = await gzipSize(file, options.signal)
  return {
    images: entries,
    accuracyEngine,
    accuracyOnnx,
    agreement,
    maxAbsDiff,
    tolerance,
    compared: subject.compared,
    bytes,
    gzipBytes,
  }
}

interface Subject {
  dataLayer: LayerOf<'Data'>
  labelBlob: string
  scoreBlob: string
  /** Names in the exported model. */
  input: string
  output: string
  compared: 'probabilities' | 'scores'
  layout: ScoreLayout
}

type Judge = LayerOf<'Accuracy'> | LayerOf<'SoftmaxWithLoss'>

/** What is compared with what: the test net's scores, and the exported output made of them. */
function findSubject(testGraph: NetGraph, deployGraph: NetGraph, scoreBlob: string | undefined): Subject {
  const dataLayer = testGraph.layers.find((layer) => layer.type === 'Data')
  const input = deployGraph.layers.find((layer) => layer.type === 'Input')?.tops[0]
  const judges: Judge[] = [
    ...testGraph.layers.filter((layer) => layer.type === 'Accuracy'),
    ...testGraph.layers.filter((layer) => layer.type === 'SoftmaxWithLoss'),
  ]
  if (dataLayer === undefined || judges.length === 0 || input === undefined) {
    throw unsupported('the test net needs a Data layer with labels, and an Accuracy or SoftmaxWithLoss layer')
  }
  // Auxiliary classifiers have judges of their own, and are no part of the exported net.
  for (const judge of judges) {
    const scores = scoreBlob ?? judge.bottoms[0]
    const output = findOutput(deployGraph, scores)
    if (output === undefined) continue
    const { shape, axis = judge.params.axis, name, compared } = output
    if (axis !== 1) throw unsupported(`the classes of blob '${scores}' lie on axis ${axis}, not 1`)
    const { ignore_label } = judge.params
    const layout = { classes: shape[1], positions: count(shape.slice(2)), ignoreLabel: ignore_label }
    return {
      dataLayer,
      labelBlob: judge.bottoms[1],
      scoreBlob: scores,
      input,
      output: name,
      compared,
      layout,
    }
  }
  const [blob] = scoreBlob === undefined ? judges[0].bottoms : [scoreBlob]
  throw unsupported(`blob '${blob}' is neither the output of the exported net nor the input of its Softmax`)
}

interface Output {
  name: string
  /** Of the scores. */
  shape: Shape
  /** Of the Softmax. */
  axis?: number
  compared: Subject['compared']
}

/** The output of the exported net that holds `scores` or their Softmax. */
function findOutput(deployGraph: NetGraph, scores: string): Output | undefined {
  const { layers } = deployGraph
  const last = layers.findLastIndex((layer) => layer.tops.includes(scores))
  if (last < 0) return undefined
  const shape = layers[last].top_shapes[layers[last].tops.indexOf(scores)]
  const readers = layers.slice(last + 1).filter((layer) => layer.bottoms.includes(scores))
  if (readers.length === 0) return { name: scores, shape, compared: 'scores' }
  const [reader] = readers
  if (reader.type !== 'Softmax') return undefined
  return { name: reader.tops[0], shape, axis: reader.params.axis, compared: 'probabilities' }
}

function unsupported(message: string): AppError {
  return new AppError('verification-unsupported', message, { hint: 'name the blob of scores' })
}

function percent(share: number): string {
  return `${(100 * share).toFixed(2)}%`
}
