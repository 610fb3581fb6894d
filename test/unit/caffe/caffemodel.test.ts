import { closeSync, existsSync, ftruncateSync, openSync, readFileSync, writeSync } from 'node:fs'
import protobuf from 'protobufjs'
import { afterAll, describe, expect, it } from 'vitest'
import h5wasm from 'h5wasm/node'
import { readMean, readSolverState, readWeights, releaseWeights } from '../../../main/caffe/caffemodel'
import type { WeightBlob } from '../../../main/caffe/model'
import { BlobProto, caffeRoot } from '../../../main/caffe/proto'
import { encodeNet, ramp, refusalOf, temporaryFolder, write } from './fixtures'

const folder = temporaryFolder()

/** The values at a blob's place. */
function valuesOf(blob: WeightBlob): number[] {
  const bytes = readFileSync(blob.file)
  const size = blob.type === 'float32' ? 4 : 8
  return Array.from({ length: blob.count }, (_, i) => {
    const at = blob.offsetBytes + i * size
    return size === 4 ? bytes.readFloatLE(at) : bytes.readDoubleLE(at)
  })
}

const v2 = encodeNet({
  name: 'net',
  layer: [
    { name: 'data', type: 'Data' },
    {
      name: 'ip',
      type: 'InnerProduct',
      blobs: [
        { shape: { dim: [2, 3] }, data: ramp(6) },
        { shape: { dim: [2] }, data: ramp(2, 10) },
      ],
    },
  ],
})

describe('readWeights', () => {
  it('finds names, types, shapes and places', async () => {
    const weights = await readWeights(write(folder, 'v2.caffemodel', v2))
    expect(weights).toMatchObject({ format: 'binaryproto', name: 'net', temporaryFolder: null })
    expect(weights.layers.map(({ name, type }) => [name, type])).toEqual([
      ['data', 'Data'],
      ['ip', 'InnerProduct'],
    ])
    expect(weights.layers[1].blobs.map(({ shape, legacy, type }) => [shape, legacy, type])).toEqual([
      [[2, 3], false, 'float32'],
      [[2], false, 'float32'],
    ])
    expect(weights.layers[1].blobs.map(valuesOf)).toEqual([ramp(6), ramp(2, 10)])
  })

  it('reads V1 layers and the blob dimensions of their time', async () => {
    const file = write(
      folder,
      'v1.caffemodel',
      encodeNet({
        layers: [
          {
            name: 'c',
            type: 'CONVOLUTION',
            blobs: [{ num: 1, channels: 1, height: 2, width: 3, data: ramp(6) }],
          },
        ],
      }),
    )
    const { layers } = await readWeights(file)
    expect(layers[0]).toMatchObject({ name: 'c', type: 'Convolution' })
    expect(layers[0].blobs[0]).toMatchObject({ shape: [1, 1, 2, 3], legacy: true, count: 6 })
    expect(valuesOf(layers[0].blobs[0])).toEqual(ramp(6))
  })

  it('reads V0 layers, which lie inside others', async () => {
    const file = write(
      folder,
      'v0.caffemodel',
      encodeNet({
        layers: [
          {
            layer: {
              name: 'ip',
              type: 'innerproduct',
              blobs: [{ num: 1, channels: 1, height: 1, width: 2, data: [3, 4] }],
            },
          },
        ],
      }),
    )
    const { layers } = await readWeights(file)
    expect(layers[0]).toMatchObject({ name: 'ip', type: 'InnerProduct' })
    expect(valuesOf(layers[0].blobs[0])).toEqual([3, 4])
  })

  it('reads doubles', async () => {
    const file = write(
      folder,
      'double.caffemodel',
      encodeNet({ layer: [{ name: 'a', blobs: [{ shape: { dim: [3] }, double_data: [0.1, 0.2, 0.3] }] }] }),
    )
    const { layers } = await readWeights(file)
    expect(layers[0].blobs[0].type).toBe('float64')
    expect(valuesOf(layers[0].blobs[0])).toEqual([0.1, 0.2, 0.3])
  })

  it('gathers values that are not packed, and values in several pieces', async () => {
    const count = 40_000
    const single = protobuf.Writer.create()
    for (const value of ramp(count)) single.uint32((5 << 3) | 5).float(value)
    const pieces = protobuf.Writer.create()
    for (const part of [ramp(3), ramp(count, 3)]) {
      pieces.uint32((5 << 3) | 2).fork()
      for (const value of part) pieces.float(value)
      pieces.ldelim()
      // a field in between that no one knows
      pieces.uint32((99 << 3) | 0).uint32(7)
    }
    const layer = protobuf.Writer.create()
      .uint32((1 << 3) | 2)
      .string('a')
    for (const blob of [single, pieces]) layer.uint32((7 << 3) | 2).bytes(blob.finish())
    const file = write(
      folder,
      'odd.caffemodel',
      protobuf.Writer.create()
        .uint32((100 << 3) | 2)
        .bytes(layer.finish())
        .finish(),
    )
    const weights = await readWeights(file, { cacheFolder: folder })
    afterAll(() => releaseWeights(weights))
    const [first, second] = weights.layers[0].blobs
    expect(weights.temporaryFolder).not.toBeNull()
    expect(valuesOf(first)).toEqual(ramp(count))
    expect(valuesOf(second)).toEqual(ramp(count + 3))
    releaseWeights(weights)
    expect(existsSync(weights.temporaryFolder ?? '')).toBe(false)
  })

  it('indexes half a gigabyte without reading it', async () => {
    const file = `${folder}/large.caffemodel`
    const values = 125_000_000
    const bytes = 4 * values
    // one blob of `values` floats; the file is sparse, its end is the end of the data
    const head = (inner: Buffer[]): Buffer => Buffer.concat(inner)
    const varint = (value: number) => Buffer.from(protobuf.Writer.create().uint64(value).finish())
    const shape = Buffer.from(
      protobuf.Writer.create()
        .uint32((1 << 3) | 0)
        .uint64(values)
        .finish(),
    )
    const shapeField = head([Buffer.from([(7 << 3) | 2]), varint(shape.length), shape])
    const dataHead = head([Buffer.from([(5 << 3) | 2]), varint(bytes)])
    const blobBytes = shapeField.length + dataHead.length + bytes
    const blobHead = head([Buffer.from([(7 << 3) | 2]), varint(blobBytes)])
    const name = Buffer.from([(1 << 3) | 2, 1, 0x61])
    const layerHead = head([varint((100 << 3) | 2), varint(name.length + blobHead.length + blobBytes)])
    const start = head([layerHead, name, blobHead, shapeField, dataHead])
    const descriptor = openSync(file, 'w')
    writeSync(descriptor, start)
    ftruncateSync(descriptor, start.length + bytes)
    closeSync(descriptor)
    const progress: number[] = []
    const before = process.memoryUsage().rss
    const weights = await readWeights(file, { onProgress: (done, total) => progress.push(done / total) })
    expect(weights.layers[0].blobs[0]).toMatchObject({ count: values, offsetBytes: start.length })
    expect(process.memoryUsage().rss - before).toBeLessThan(50e6)
    expect(progress).toEqual([1])
  })

  it('refuses a file cut off anywhere, with the place', async () => {
    for (let length = 1; length < v2.length; length++) {
      const file = write(folder, 'cut.caffemodel', v2.subarray(0, length))
      const result = await readWeights(file).then(
        (weights) => weights.layers.flatMap(({ blobs }) => blobs).length,
        (error: { code: string; message: string }) => `${error.code} ${error.message}`,
      )
      // a cut between two layers leaves a whole, shorter file
      if (typeof result === 'number') expect(result).toBe(0)
      else expect(result).toMatch(/^(truncated-file|corrupt-file) .*byte \d+|^not-a-caffemodel/)
    }
  })

  it('refuses a shape that its values do not fill', async () => {
    const net = { layer: [{ name: 'a', blobs: [{ shape: { dim: [2, 2] }, data: [1, 2, 3] }] }] }
    const { code, text } = await refusalOf(readWeights(write(folder, 'short.caffemodel', encodeNet(net))))
    expect(code).toBe('corrupt-file')
    expect(text).toContain("blob 0 of layer 'a' has the shape (2, 2) but 3 values (at byte")
  })

  it('refuses what is no caffemodel', async () => {
    const refused = async (content: string) =>
      (await refusalOf(readWeights(write(folder, 'no.caffemodel', content)))).code
    expect(await refused('')).toBe('not-a-caffemodel')
    expect(await refused('<!DOCTYPE html>')).toMatch(/corrupt-file|truncated-file/)
    expect((await refusalOf(readWeights(`${folder}/none`))).code).toBe('unreadable-file')
    expect((await refusalOf(readWeights(folder))).code).toBe('unreadable-file')
  })
})

describe('HDF5', () => {
  it('reads weights and solver states', async () => {
    await h5wasm.ready
    const file = `${folder}/n.caffemodel.h5`
    const h5 = new h5wasm.File(file, 'w')
    const layer = h5.create_group('data').create_group('ip')
    layer.create_dataset({ name: '0', data: Float32Array.from(ramp(6)), shape: [2, 3] })
    layer.create_dataset({ name: '1', data: Float64Array.from([0.1, 0.2]), shape: [2] })
    h5.close()
    const weights = await readWeights(file, { cacheFolder: folder })
    expect(weights.format).toBe('hdf5')
    expect(weights.layers[0].blobs.map(({ shape, type }) => [shape, type])).toEqual([
      [[2, 3], 'float32'],
      [[2], 'float64'],
    ])
    expect(weights.layers[0].blobs.map(valuesOf)).toEqual([ramp(6), [0.1, 0.2]])

    const stateFile = `${folder}/n.solverstate.h5`
    const state = new h5wasm.File(stateFile, 'w')
    state.create_dataset({ name: 'iter', data: 500 })
    state.create_dataset({ name: 'current_step', data: 2 })
    state.create_dataset({ name: 'learned_net', data: 'n.caffemodel.h5' })
    const history = state.create_group('history')
    for (let i = 0; i < 11; i++)
      history.create_dataset({ name: String(i), data: Float32Array.of(i), shape: [1] })
    state.close()
    const read = await readSolverState(stateFile, { cacheFolder: folder })
    expect(read).toMatchObject({ iter: 500, currentStep: 2, learnedNet: 'n.caffemodel.h5' })
    // in numeric, not alphabetic, order
    expect(read.history.map((blob) => valuesOf(blob)[0])).toEqual(ramp(11))
  })

  it('refuses another HDF5 file and a damaged one', async () => {
    await h5wasm.ready
    const file = `${folder}/other.h5`
    const h5 = new h5wasm.File(file, 'w')
    h5.create_group('images')
    h5.close()
    expect((await refusalOf(readWeights(file))).code).toBe('not-a-caffemodel')
    const damaged = write(folder, 'damaged.h5', readFileSync(file).subarray(0, 100))
    expect((await refusalOf(readWeights(damaged))).code).toBe('corrupt-file')
  })
})

describe('readSolverState', () => {
  it('reads iteration, weights and history', async () => {
    const SolverState = caffeRoot.lookupType('caffe.SolverState')
    const message = {
      iter: 500,
      learned_net: 'n.caffemodel',
      current_step: 3,
      history: [{ shape: { dim: [2] }, data: [5, 6] }],
    }
    const file = write(folder, 'n.solverstate', SolverState.encode(SolverState.fromObject(message)).finish())
    const state = await readSolverState(file)
    expect(state).toMatchObject({ iter: 500, learnedNet: 'n.caffemodel', currentStep: 3 })
    expect(state.history.map(valuesOf)).toEqual([[5, 6]])
  })
  it('refuses a file without an iteration', async () => {
    expect((await refusalOf(readSolverState(write(folder, 'x.solverstate', '')))).code).toBe(
      'not-a-solverstate',
    )
  })
})

describe('readMean', () => {
  const mean = (message: object) =>
    write(folder, 'mean.binaryproto', BlobProto.encode(BlobProto.fromObject(message)).finish())
  it('reads (C, H, W) of both spellings', async () => {
    expect((await readMean(mean({ num: 1, channels: 3, height: 2, width: 1, data: ramp(6) }))).shape).toEqual(
      [3, 2, 1],
    )
    expect((await readMean(mean({ shape: { dim: [1, 2, 3] }, data: ramp(6) }))).shape).toEqual([1, 2, 3])
  })
  it('refuses a blob that is no image', async () => {
    const { code } = await refusalOf(readMean(mean({ shape: { dim: [6] }, data: ramp(6) })))
    expect(code).toBe('not-a-mean-image')
  })
})
