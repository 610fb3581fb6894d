// The proof of an export: the engine's test net and onnxruntime on the exported file, over the whole test set.

import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGzip } from 'node:zlib'
import type { EngineAddon, Session } from '../engine/binding'
import { AppError } from '../net/errors'
import type { LayerOf, NetGraph } from '../net/graph'
import { count } from '../net/graph'
import { ScoreComparison, softmax } from './comparison'
import type { ScoreLayout } from './comparison'
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
  const gzipBytes = await gzipSize(file)
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

/** What is compared with what: the test net's scores, and the exported output made of them. */
function findSubject(
  testGraph: NetGraph,
  deployGraph: NetGraph,
  givenScoreBlob: string | undefined,
): Subject {
  const dataLayer = testGraph.layers.find((layer) => layer.type === 'Data')
  const judge =
    testGraph.layers.find((layer) => layer.type === 'Accuracy') ??
    testGraph.layers.find((layer) => layer.type === 'SoftmaxWithLoss')
  const input = deployGraph.layers.find((layer) => layer.type === 'Input')?.tops[0]
  if (dataLayer === undefined || judge === undefined || input === undefined || dataLayer.tops.length < 2) {
    throw unsupported('the test net needs a Data layer with labels, and an Accuracy or SoftmaxWithLoss layer')
  }
  const scoreBlob = givenScoreBlob ?? judge.bottoms[0]
  const writer = deployGraph.layers.findLast((layer) => layer.tops.includes(scoreBlob))
  if (writer === undefined) throw unsupported(`the exported net has no blob '${scoreBlob}'`)

  const shape = writer.top_shapes[writer.tops.indexOf(scoreBlob)]
  const reader = deployGraph.layers.find((layer) => layer.bottoms.includes(scoreBlob) && layer !== writer)
  const axis = reader?.type === 'Softmax' ? reader.params.axis : judge.params.axis
  if (axis !== 1) throw unsupported(`the classes lie on axis ${axis}, not 1`)
  const common = {
    dataLayer,
    labelBlob: judge.bottoms[1],
    scoreBlob,
    input,
    layout: { classes: shape[1], positions: count(shape.slice(2)) },
  }
  if (reader === undefined) return { ...common, output: scoreBlob, compared: 'scores' }
  if (reader.type === 'Softmax') return { ...common, output: reader.tops[0], compared: 'probabilities' }
  throw unsupported(
    `blob '${scoreBlob}' is neither the output of the exported net nor the input of its Softmax`,
  )
}

function unsupported(message: string): AppError {
  return new AppError('verification-unsupported', message, { hint: 'name the blob of scores' })
}

function percent(share: number): string {
  return `${(100 * share).toFixed(2)}%`
}

/** Size under gzip's default level, by which pruned models are compared. */
async function gzipSize(file: string): Promise<number> {
  let bytes = 0
  const counter = new Writable({
    write(chunk: Buffer, _encoding, done) {
      bytes += chunk.byteLength
      done()
    },
  })
  await pipeline(createReadStream(file), createGzip(), counter)
  return bytes
}
