// Written caffemodels: read back by schema, and compared field by field with the authors' compressed model.

import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { NetParameter } from '../../../main/caffe/proto'
import { writeCaffemodel } from '../../../main/caffe/writeCaffemodel'
import type { BlobSource } from '../../../main/caffe/writeCaffemodel'
import { count } from '../../../main/net/graph'
import { goldenCase } from './goldenCase'
import { lenet5 } from './lenet'

const folder = mkdtempSync(join(tmpdir(), 'caffemodel-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

interface Blob {
  shape: { dim: number[] }
  data: number[]
}

interface DecodedNet {
  name: string
  layer: {
    name: string
    type: string
    bottom: string[]
    top: string[]
    blobs: Blob[]
    [param: string]: unknown
  }[]
}

function decode(file: string): DecodedNet {
  const message = NetParameter.decode(readFileSync(file))
  return NetParameter.toObject(message, { longs: Number, enums: String, arrays: true }) as DecodedNet
}

/** Values 1, 2, 3 ... and a mask that prunes every second one. */
const counting: BlobSource = {
  value: async (layer, slot) => sized(layer, slot).map((_, i) => i + 1),
  mask: async (layer, slot) => sized(layer, slot).map((_, i) => i % 2),
}

function sized(layer: string, slot: number): Float32Array {
  const { shape } = lenet5.layers.find(({ name }) => name === layer)!.parameters[slot]
  return new Float32Array(count(shape))
}

test('masked: values as trained, then masks', async () => {
  const file = join(folder, 'masked.caffemodel')
  const bytes = await writeCaffemodel(lenet5, counting, file, 'masked')
  expect(readFileSync(file).byteLength).toBe(bytes)
  const net = decode(file)
  expect(net.name).toBe('LeNet')
  const conv1 = net.layer.find(({ name }) => name === 'conv1')!
  expect(conv1.type).toBe('CConvolution')
  expect(conv1.blobs.map(({ shape }) => shape.dim)).toEqual([[20, 1, 5, 5], [20], [20, 1, 5, 5], [20]])
  expect(conv1.blobs[0].data.slice(0, 4)).toEqual([1, 2, 3, 4])
  expect(conv1.blobs[2].data.slice(0, 4)).toEqual([0, 1, 0, 1])
  expect(conv1.convolution_param).toMatchObject({
    num_output: 20,
    kernel_size: [5],
    stride: [1],
    bias_term: true,
  })
})

test('plain: stock types, zeros where pruned', async () => {
  const file = join(folder, 'plain.caffemodel')
  await writeCaffemodel(lenet5, counting, file, 'plain')
  const ip2 = decode(file).layer.find(({ name }) => name === 'ip2')!
  expect(ip2.type).toBe('InnerProduct')
  expect(ip2.blobs.map(({ shape }) => shape.dim)).toEqual([[10, 500], [10]])
  expect(ip2.blobs[0].data.slice(0, 4)).toEqual([0, 2, 0, 4])
})

test('a blob of the wrong size leaves no file', async () => {
  const file = join(folder, 'wrong.caffemodel')
  const wrong: BlobSource = { value: async () => new Float32Array(3), mask: async () => undefined }
  await expect(writeCaffemodel(lenet5, wrong, file, 'plain')).rejects.toMatchObject({
    code: 'shape-mismatch',
    message: expect.stringContaining("layer 'conv1'"),
  })
  expect(readdirSync(folder).filter((name) => name.startsWith('wrong'))).toEqual([])
})

test('more than 2 GiB is refused before anything is loaded', async () => {
  const { graph } = goldenCase('ip_basic')
  const large = structuredClone(graph)
  large.layers[1].parameters[0].shape = [30_000, 20_000]
  const source: BlobSource = { value: () => Promise.reject(new Error('loaded')), mask: async () => undefined }
  await expect(writeCaffemodel(large, source, join(folder, 'large'), 'plain')).rejects.toMatchObject({
    code: 'model-too-large',
  })
})

const authors = join(
  import.meta.dirname,
  '../../../../shared/reference/olmp/lenet5/compressed_lenet5.caffemodel',
)

describe.skipIf(!existsSync(authors))('as the authors write it', () => {
  test('layer names, types, blob shapes and parameters', async () => {
    const theirs = decode(authors)
    const source: BlobSource = {
      value: async (layer, slot) => blobOf(theirs, layer, slot),
      mask: async (layer, slot) => blobOf(theirs, layer, slot + 2),
    }
    const file = join(folder, 'authors.caffemodel')
    await writeCaffemodel(lenet5, source, file, 'masked')
    const ours = decode(file)
    for (const layer of ours.layer.filter(({ blobs }) => blobs.length > 0)) {
      const reference = theirs.layer.find(({ name }) => name === layer.name)!
      expect(layer.type).toBe(reference.type)
      expect(layer.bottom).toEqual(reference.bottom)
      expect(layer.top).toEqual(reference.top)
      expect(layer.blobs.map(({ shape }) => shape)).toEqual(reference.blobs.map(({ shape }) => shape))
      layer.blobs.forEach(({ data }, i) => expect(data).toEqual(reference.blobs[i].data))
      const param = layer.type === 'CConvolution' ? 'convolution_param' : 'inner_product_param'
      const { weight_filler: _w, bias_filler: _b, ...written } = reference[param] as Record<string, unknown>
      expect(layer[param]).toMatchObject(written)
    }
  })
})
if (!existsSync(authors)) console.log('SKIPPED: no ../shared')

function blobOf(net: DecodedNet, layer: string, slot: number): Float32Array {
  return Float32Array.from(net.layer.find(({ name }) => name === layer)!.blobs[slot].data)
}
