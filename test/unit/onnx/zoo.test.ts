// Whole nets of the BVLC zoo with freshly filled weights: the engine and onnxruntime must give the same output blobs.

import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { buildGraph } from '../../../main/caffe/build/buildGraph'
import { parseNet } from '../../../main/caffe/prototxt'
import { addonCandidates, loadAddon } from '../../../main/engine/addon'
import { deriveDeploy } from '../../../main/net/deploy'
import type { NetGraph } from '../../../main/net/graph'
import { count } from '../../../main/net/graph'
import { exportOnnx } from '../../../main/onnx/exportOnnx'
import { OnnxRuntime } from '../../../main/onnx/runtime'
import { maskedWeights } from '../../../main/onnx/sessionWeights'
import { relativeError } from './goldenCase'
import { uniform } from './referenceNet'

const zoo = join(import.meta.dirname, '../../../../shared/fixtures/zoo')
const built = addonCandidates().some((file) => existsSync(file))
if (!built) console.log('SKIPPED: the native addon is not built')
if (!existsSync(zoo)) console.log('SKIPPED: no ../shared')

function deploy(file: string, datum: [number, number, number]): NetGraph {
  // 60 of CaffeNet's 61 million parameters lie in two layers that add time and no case
  const text = readFileSync(join(zoo, file), 'utf8').replaceAll('num_output: 4096', 'num_output: 256')
  const message = parseNet(text, file)
  const names = (message.layer ?? []).map(({ name }) => name ?? '')
  const graph = buildGraph(message, {
    phase: 'TEST',
    // of the autoencoder, which has two test nets
    stages: ['test-on-test'],
    dataShapes: Object.fromEntries(names.map((name) => [name, datum])),
    batchSize: () => 2,
    resolveFile: (stated) => stated,
  })
  const whole = deriveDeploy(graph)
  // probabilities of untrained nets are all alike: the scores tell more
  return { ...whole, layers: whole.layers.filter(({ type }) => type !== 'Softmax') }
}

describe.skipIf(!built || !existsSync(zoo))('zoo', () => {
  test.each<[string, [number, number, number]]>([
    ['examples_cifar10_cifar10_full_train_test.prototxt', [3, 32, 32]],
    ['examples_mnist_lenet_train_test.prototxt', [1, 28, 28]],
    ['examples_mnist_mnist_autoencoder.prototxt', [1, 28, 28]],
    ['examples_siamese_mnist_siamese_train_test.prototxt', [2, 28, 28]],
    ['models_bvlc_googlenet_train_val.prototxt', [3, 256, 256]],
    ['models_bvlc_reference_caffenet_train_val.prototxt', [3, 256, 256]],
  ])('%s', async (file, datum) => {
    const graph = deploy(file, datum)
    const session = await loadAddon().createSession({
      test: JSON.stringify(graph),
      device: 'cpu',
      threads: 1,
      seed: 3,
      rateEncoding: 'exact',
    })
    try {
      await session.fillParameters()
      const runtime = await OnnxRuntime.load(await exportOnnx(graph, maskedWeights(session)))
      const [input] = graph.layers
      const shape = input.top_shapes[0]
      const random = uniform(29)
      const values = new Float32Array(count(shape)).map(() => random() * 2 - 1)
      await session.setBlob('TEST', input.tops[0], 'data', values)
      await session.forward('TEST')
      const outputs = await runtime.run({ [input.tops[0]]: { shape, values } })
      await runtime.dispose()
      expect(runtime.outputNames.length).toBeGreaterThan(0)
      for (const name of runtime.outputNames) {
        const engine = await session.getBlob('TEST', name, 'data')
        const largest = engine.reduce((max, value) => Math.max(max, Math.abs(value)), 0)
        expect(largest).toBeGreaterThan(0)
        const scaled = (blob: Float32Array): Float32Array => blob.map((value) => value / largest)
        const error = relativeError(scaled(outputs[name].values), scaled(engine))
        console.log(`${file} ${name} (${outputs[name].shape.join(', ')}): ${error.toExponential(1)}`)
        // sums of thousands of float32 terms in another order, through up to 22 layers
        expect(error).toBeLessThan(1e-5)
      }
    } finally {
      await session.close()
    }
  })
})
