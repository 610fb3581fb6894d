// Verification must pass what is equal and fail loudly on what is not, leaving no file.

import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Layer } from '../../../main/net/graph'
import { exportVerifiedOnnx } from '../../../main/onnx/exportVerified'
import type { ExportVerifiedOptions } from '../../../main/onnx/exportVerified'
import { ModelProto } from '../../../main/onnx/schema'
import { maskedWeights } from '../../../main/onnx/sessionWeights'
import type { ReferenceOptions } from './referenceNet'
import { common, ReferenceNet, uniform } from './referenceNet'

const GREY: ReferenceOptions = {
  images: 230,
  batch: 50,
  stored: [1, 6, 5],
  transform: { scale: 0.00390625 },
  classes: 4,
}

let folder: string
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'verify-'))))
afterEach(() => rmSync(folder, { recursive: true, force: true }))

function options(net: ReferenceNet, end: 'scores' | 'softmax' = 'softmax'): ExportVerifiedOptions {
  return {
    file: join(folder, 'net.onnx'),
    deployGraph: net.deployGraph(end),
    testGraph: net.testGraph(),
    addon: net.addon,
    session: net,
    preprocessing: { transform: net.transform },
  }
}

test('an equal model passes and gets its name', async () => {
  const progress: number[] = []
  const report = await exportVerifiedOnnx({
    ...options(new ReferenceNet(GREY)),
    onProgress: (images) => progress.push(images),
    info: { classes: ['a', 'b', 'c', 'd'], compression: 2 },
  })
  expect(report).toMatchObject({ images: 230, agreement: 1, compared: 'probabilities', tolerance: 1e-4 })
  expect(report.accuracyOnnx).toBe(report.accuracyEngine)
  expect(report.accuracyEngine).toBeGreaterThan(0)
  expect(report.maxAbsDiff).toBeLessThan(1e-6)
  expect(report.gzipBytes).toBeLessThan(report.bytes)
  expect(progress).toEqual([50, 100, 150, 200, 230])
  expect(readdirSync(folder)).toEqual(['net.onnx'])

  const bytes = readFileSync(join(folder, 'net.onnx'))
  expect(bytes.byteLength).toBe(report.bytes)
  const model = ModelProto.toObject(ModelProto.decode(bytes), { longs: Number }) as {
    ir_version: number
    metadata_props: { key: string; value: string }[]
    graph: { input: unknown[]; output: { name: string }[] }
  }
  expect(model.ir_version).toBe(7)
  expect(model.graph.input).toEqual([
    {
      name: 'data',
      type: {
        tensor_type: {
          elem_type: 1,
          shape: { dim: [{ dim_param: 'N' }, { dim_value: 1 }, { dim_value: 6 }, { dim_value: 5 }] },
        },
      },
    },
  ])
  expect(model.graph.output.map(({ name }) => name)).toEqual(['prob'])
  const props = Object.fromEntries(model.metadata_props.map(({ key, value }) => [key, value]))
  expect(props.classes).toBe('["a","b","c","d"]')
  expect(props.compression).toBe('2')
  expect(JSON.parse(props.input)).toMatchObject({ channel_order: 'GRAY', scale: 0.00390625, layout: 'NCHW' })
})

test('sparse weights are the same weights', async () => {
  const net = new ReferenceNet(GREY)
  net.mask.forEach((_, i) => (net.mask[i] = i % 5 === 0 ? 1 : 0))
  const dense = await exportVerifiedOnnx(options(net))
  const sparse = await exportVerifiedOnnx({ ...options(net), weightStorage: 'sparse' })
  expect(sparse).toMatchObject({
    agreement: 1,
    accuracyOnnx: dense.accuracyOnnx,
    maxAbsDiff: dense.maxAbsDiff,
  })
  expect(sparse.bytes).toBeLessThan(dense.bytes)
})

test('scores are compared where the net ends in scores', async () => {
  const report = await exportVerifiedOnnx(options(new ReferenceNet(GREY), 'scores'))
  expect(report.compared).toBe('scores')
  expect(report.tolerance).toBeGreaterThan(0)
  expect(report.maxAbsDiff).toBeLessThanOrEqual(report.tolerance)
})

test('the preprocessed blob as input', async () => {
  const net = new ReferenceNet(GREY)
  const report = await exportVerifiedOnnx({ ...options(net), includePreprocessing: false })
  expect(report.agreement).toBe(1)
})

const meanPixels = (() => {
  const random = uniform(3)
  return new Float32Array(3 * 8 * 9).map(() => 100 + 30 * random())
})()

const COLOUR: ReferenceOptions = { ...GREY, images: 40, batch: 16, stored: [3, 8, 9] }

test('crop and mean values', async () => {
  const transform = { scale: 0.02, crop_size: 5, mean_value: [104, 117, 123] }
  const report = await exportVerifiedOnnx(options(new ReferenceNet({ ...COLOUR, transform })))
  expect(report.agreement).toBe(1)
})

test('crop, mean image and mirrored images', async () => {
  const net = new ReferenceNet({
    ...COLOUR,
    transform: { scale: 0.02, crop_size: 6, mean_file: '/mean.binaryproto', mirror: true },
    meanImage: meanPixels,
    mirrored: (index) => index % 3 === 1,
  })
  const meanImage = { shape: [3, 8, 9] as [number, number, number], values: meanPixels }
  const preprocessing = { transform: net.transform, meanImage }
  const report = await exportVerifiedOnnx({ ...options(net), preprocessing })
  expect(report.agreement).toBe(1)
  await expect(exportVerifiedOnnx(options(net))).rejects.toMatchObject({
    code: 'mean-missing',
    file: '/mean.binaryproto',
  })
})

test('one changed weight fails, and the file that was there stays', async () => {
  const net = new ReferenceNet(GREY)
  const exported = options(net)
  writeFileSync(exported.file, 'old')
  const weights = maskedWeights(net)
  const perturbed: ExportVerifiedOptions['weights'] = async (layer, slot) => {
    const values = Float32Array.from(await weights(layer, slot))
    if (slot === 0) values[values.findIndex((value) => value !== 0)] += 0.01
    return values
  }
  await expect(exportVerifiedOnnx({ ...exported, weights: perturbed })).rejects.toMatchObject({
    code: 'verification-failed',
    message: expect.stringMatching(/probabilities by up to 0\.00\d+ \(allowed 0\.000100\).*of 230 images/),
  })
  expect(readdirSync(folder)).toEqual(['net.onnx'])
  expect(readFileSync(exported.file, 'utf8')).toBe('old')
})

test('values that are no numbers fail', async () => {
  const net = new ReferenceNet(GREY)
  const weights: ExportVerifiedOptions['weights'] = async (_layer, slot) =>
    slot === 0 ? net.weights : new Float32Array(net.bias.length).fill(NaN)
  await expect(exportVerifiedOnnx({ ...options(net), weights })).rejects.toMatchObject({
    code: 'verification-failed',
  })
  expect(readdirSync(folder)).toEqual([])
})

test.each([
  ['scale', { scale: 0.5 }],
  ['mean', { mean_value: [12] }],
])('another %s than the engine uses fails', async (_what, change) => {
  const net = new ReferenceNet(GREY)
  const preprocessing = { transform: { ...net.transform, ...change } }
  await expect(exportVerifiedOnnx({ ...options(net), preprocessing })).rejects.toMatchObject({
    code: 'verification-failed',
    message: expect.stringContaining('image 0'),
  })
  expect(readdirSync(folder)).toEqual([])
})

test('the accuracy of an auxiliary classifier is passed over', async () => {
  const net = new ReferenceNet(GREY)
  const testGraph = net.testGraph()
  const auxiliary: Layer = {
    ...common('aux', ['aux/scores', 'label'], ['aux'], [[]]),
    type: 'Accuracy',
    params: { top_k: 1, axis: 1, ignore_label: null },
  }
  testGraph.layers.splice(1, 0, auxiliary)
  const report = await exportVerifiedOnnx({ ...options(net), testGraph })
  expect(report.agreement).toBe(1)
  const without = { ...testGraph, layers: testGraph.layers.filter(({ name }) => name !== 'accuracy') }
  await expect(exportVerifiedOnnx({ ...options(net), testGraph: without })).rejects.toMatchObject({
    code: 'verification-unsupported',
    message: expect.stringContaining("blob 'aux/scores'"),
  })
})

test('an aborted verification leaves nothing', async () => {
  const controller = new AbortController()
  const running = exportVerifiedOnnx({
    ...options(new ReferenceNet(GREY)),
    signal: controller.signal,
    onProgress: () => controller.abort(),
  })
  await expect(running).rejects.toThrow(/abort/i)
  expect(readdirSync(folder)).toEqual([])
})
