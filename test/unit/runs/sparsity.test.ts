import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'

import { readWeights, releaseWeights } from '../../../main/caffe/caffemodel'
import type { WeightFile } from '../../../main/caffe/model'
import { sessionSparsity, weightFileSparsity } from '../../../main/runs/sparsity'
import { coveringBatch } from '../../../main/runs/testCoverage'
import { haveShared, sharedFile } from '../../helpers/shared'

const root = mkdtempSync(join(tmpdir(), 'olmp-sparsity-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))

describe('sparsity', () => {
  it('counts biases, and tells the weights-only ratio beside it', () => {
    const sparsity = sessionSparsity(
      ['conv1', 'ip1'],
      [
        { weights: 100, biases: 10, keptWeights: 20, keptBiases: 10 },
        { weights: 900, biases: 30, keptWeights: 30, keptBiases: 5 },
      ],
    )
    expect(sparsity).toMatchObject({ total: 1040, kept: 65, compression: 16, compressionWeightsOnly: 20 })
    expect(sparsity.layers[1]).toEqual({
      name: 'ip1',
      weights: 900,
      biases: 30,
      keptWeights: 30,
      keptBiases: 5,
    })
  })

  it.each(['float32', 'float64'] as const)(
    'counts masks where a file has them, else what is not zero (%s)',
    async (type) => {
      const file = join(root, type)
      const values = [1, 0, 3, 4, 0, 6, /* bias */ 0, 1, /* masks */ 1, 0, 0, 0, 0, 1, /* bias */ 1, 0]
      const array = type === 'float32' ? Float32Array.from(values) : Float64Array.from(values)
      writeFileSync(file, Buffer.concat([Buffer.from('header'), Buffer.from(array.buffer)]))
      const size = array.BYTES_PER_ELEMENT
      const blob = (first: number, ...shape: number[]) => ({
        shape,
        legacy: false,
        count: shape.reduce((a, b) => a * b),
        file,
        offsetBytes: 6 + first * size,
        type,
      })
      const weights = (blobs: WeightFile['layers'][0]['blobs']): WeightFile => ({
        file,
        format: 'binaryproto',
        name: '',
        layers: [{ name: 'ip', type: 'InnerProduct', blobs }],
        temporaryFolder: null,
      })
      const plain = await weightFileSparsity(weights([blob(0, 2, 3), blob(6, 2)]), ['ip', 'absent'])
      expect(plain).toMatchObject({
        total: 8,
        kept: 5,
        layers: [{ name: 'ip', keptWeights: 4, keptBiases: 1 }],
      })
      const all = [blob(0, 2, 3), blob(6, 2), blob(8, 2, 3), blob(14, 2)]
      expect(await weightFileSparsity(weights(all), ['ip'])).toMatchObject({ total: 8, kept: 3 })
      const withoutBias = [blob(0, 2, 3), blob(8, 2, 3)]
      expect(await weightFileSparsity(weights(withoutBias), ['ip'])).toMatchObject({ total: 6, kept: 2 })
      const beyond = weightFileSparsity(weights([blob(12, 2, 3), blob(6, 2)]), ['ip'])
      await expect(beyond).rejects.toMatchObject({ code: 'truncated-file', file })
    },
  )

  const shared = haveShared()
  // sizes the authors publish: 266610 / 2349, 431080 / 1448
  it.skipIf(!shared).each([
    ['lenet300100', ['ip1', 'ip2', 'ip3'], 113.5],
    ['lenet5', ['conv1', 'conv2', 'ip1', 'ip2'], 297.70718232],
  ])('of the published %s', async (net, layers, compression) => {
    const weights = await readWeights(sharedFile('reference', 'olmp', net, `compressed_${net}.caffemodel`))
    const sparsity = await weightFileSparsity(weights, layers)
    releaseWeights(weights)
    expect(sparsity.compression).toBeCloseTo(compression, 2)
  })
})

describe('coveringBatch', () => {
  it.each([
    [100, 10_000, 100],
    [64, 10_000, 50],
    [256, 10_000, 250],
    [50, 15_187, 1], // prime
    [50, 2 * 7_919, 2],
    [64, 6 * 67, 67], // 6 is far below, 67 near
    [1000, 10, 10],
  ])('batch %d for %d images: %d', (stated, entries, expected) => {
    expect(coveringBatch(stated, entries)).toBe(expected)
    expect(entries % coveringBatch(stated, entries)).toBe(0)
  })
})
