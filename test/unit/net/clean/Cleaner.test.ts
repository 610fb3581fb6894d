import { describe, expect, test } from 'vitest'

import type { MaskedBlob } from '../../../../main/net/clean/blobs'
import { Cleaner } from '../../../../main/net/clean/Cleaner'
import { conv, copyOf, difference, fc, masked, netOf, nets, outputsOf, pool, randomBlobs, relu } from './nets'

describe.each(Object.entries(nets))('%s', (_, make) => {
  const graph = make()

  test.each([1, 2, 3, 4])('computes the same when cleaned, seed %i', async (seed) => {
    const blobs = randomBlobs(graph, seed)
    const before = await outputsOf(graph, masked(blobs))
    const cleaner = new Cleaner(graph)
    const result = cleaner.clean(blobs)
    expect(result.removedWeights).toBeGreaterThan(0)
    expect(result.addedBiases).toBeLessThanOrEqual(result.removedWeights)
    expect(difference(before, await outputsOf(graph, masked(blobs)))).toBeLessThan(1e-5)
    // nothing is left for a second time, and the object can be used again
    expect(cleaner.clean(blobs)).toMatchObject({ removedUnits: 0, removedWeights: 0, addedBiases: 0 })
  })

  test('values without masks are cleaned to zeros', async () => {
    const blobs = randomBlobs(graph, 9)
    const weights = masked(blobs)
    const plain = new Map<string, MaskedBlob[]>()
    for (const [name, list] of blobs) {
      const values = await Promise.all(list.map((_, slot) => weights(name, slot)))
      plain.set(
        name,
        values.map((value) => ({ values: value.slice() })),
      )
    }
    const counts = new Cleaner(graph).clean(plain)
    const withMasks = copyOf(blobs)
    expect(new Cleaner(graph).clean(withMasks)).toEqual(counts)
    for (const [name, list] of plain) {
      for (const [slot, { values }] of list.entries())
        expect(values).toEqual(await masked(withMasks)(name, slot))
    }
  })
})

function ones(size: number, kept: (i: number) => boolean): MaskedBlob {
  return {
    values: new Float32Array(size).fill(1),
    mask: Uint8Array.from({ length: size }, (_, i) => (kept(i) ? 1 : 0)),
  }
}

test('a unit nobody reads goes, and then those that only it read', () => {
  const graph = netOf([1, 2], [fc('a', 'data', 3), relu('a'), fc('b', 'a', 2), relu('b'), fc('c', 'b', 1)])
  const blobs = new Map([
    ['a', [ones(6, () => true), ones(3, () => true)]],
    // unit 0 of b reads units 0 and 1 of a, unit 1 reads unit 2
    ['b', [ones(6, (i) => i === 0 || i === 1 || i === 5), ones(2, () => true)]],
    ['c', [ones(2, (i) => i === 1), ones(1, () => true)]],
  ])
  const result = new Cleaner(graph).clean(blobs)
  expect(result).toMatchObject({ removedUnits: 3, removedWeights: 6, removedBiases: 3, addedBiases: 0 })
  expect([...result.changed].sort()).toEqual(['a', 'b'])
  expect([...blobs.get('a')![0].mask!]).toEqual([0, 0, 0, 0, 1, 1])
  expect([...blobs.get('b')![0].mask!]).toEqual([0, 0, 0, 0, 0, 1])
  expect([...blobs.get('b')![1].mask!]).toEqual([0, 1])
})

test('a unit without inputs goes into the biases behind it, through ReLU and pooling', () => {
  const graph = netOf(
    [1, 1, 4, 4],
    [conv('a', 'data', 2), relu('a'), pool('p', 'a', 'pool: MAX kernel_size: 2'), fc('b', 'p', 2)],
  )
  const blobs = new Map<string, MaskedBlob[]>([
    ['a', [ones(18, (i) => i >= 9), { values: Float32Array.of(3, 5), mask: Uint8Array.of(1, 1) }]],
    ['b', [ones(4, (i) => i !== 2), { values: Float32Array.of(7, 11), mask: Uint8Array.of(0, 1) }]],
  ])
  const result = new Cleaner(graph).clean(blobs)
  expect(result).toMatchObject({ removedUnits: 1, removedWeights: 1, removedBiases: 1, addedBiases: 1 })
  // the pruned 7 does not count
  expect([...blobs.get('b')![1].values]).toEqual([3, 11])
  expect([...blobs.get('b')![1].mask!]).toEqual([1, 1])
  expect([...blobs.get('b')![0].mask!]).toEqual([0, 1, 0, 1])
})

test('a constant other than zero stays before a padded convolution, zero does not', () => {
  const graph = netOf(
    [1, 1, 4, 4],
    [conv('a', 'data', 3), relu('a'), conv('b', 'a', 1, 'kernel_size: 3 pad: 1')],
  )
  const blobs = new Map<string, MaskedBlob[]>([
    ['a', [ones(27, (i) => i < 9), { values: Float32Array.of(0, 2, -2), mask: Uint8Array.of(0, 1, 1) }]],
    ['b', [ones(27, () => true), ones(1, () => true)]],
  ])
  expect(new Cleaner(graph).clean(blobs)).toMatchObject({
    removedUnits: 1,
    removedWeights: 9,
    removedBiases: 1,
  })
  expect([...blobs.get('a')![1].mask!]).toEqual([0, 1, 0])
})

test('constants before a padded convolution are read through the largest of them', async () => {
  const graph = netOf(
    [1, 1, 5, 5],
    [
      conv('a', 'data', 4),
      relu('a'),
      conv('b', 'a', 3, 'kernel_size: 3 pad: 1'),
      relu('b'),
      conv('c', 'b', 2),
    ],
  )
  const blobs = randomBlobs(graph, 5, { weights: 0.7, biases: 1, outputs: 1 })
  const [weights, bias] = blobs.get('a')!
  weights.mask?.fill(0, 9, 36)
  bias.values.set([0.3, 0.5, 2, 0.25])
  const before = await outputsOf(graph, masked(blobs))
  const result = new Cleaner(graph).clean(blobs)
  expect([...bias.mask!]).toEqual([1, 0, 1, 0])
  expect(result.removedWeights).toBeGreaterThan(0)
  expect(result.changed).toContain('b')
  expect(difference(before, await outputsOf(graph, masked(blobs)))).toBeLessThan(1e-6)
})

test('a channel that is all alike is 0 behind a BatchNorm that measures its batch, whatever it measured before', () => {
  const graph = netOf(
    [1, 1, 4, 4],
    [
      conv('a', 'data', 2),
      'name: "n" type: "BatchNorm" bottom: "a" top: "n" batch_norm_param { use_global_stats: false }',
      'name: "s" type: "Scale" bottom: "n" top: "s" scale_param { bias_term: true }',
      fc('b', 's', 2),
    ],
  )
  const blobs = new Map<string, MaskedBlob[]>([
    ['a', [ones(18, (i) => i >= 9), { values: Float32Array.of(3, 5), mask: Uint8Array.of(1, 1) }]],
    ['n', [Float32Array.of(1, 1), Float32Array.of(4, 4), Float32Array.of(2)].map((values) => ({ values }))],
    ['s', [Float32Array.of(10, 10), Float32Array.of(0.5, 0)].map((values) => ({ values }))],
    ['b', [ones(16, () => true), { values: Float32Array.of(7, 11), mask: Uint8Array.of(1, 1) }]],
  ])
  expect(new Cleaner(graph).clean(blobs)).toMatchObject({ removedUnits: 1, removedBiases: 1 })
  // four positions of 0.5
  expect([...blobs.get('b')![1].values]).toEqual([9, 13])
  expect([...blobs.get('a')![1].mask!]).toEqual([0, 1])
})

test('a shared parameter and a layer without its blobs are left as they are', () => {
  const graph = netOf(
    [1, 2],
    [
      `${fc('a', 'data', 2)} param { name: "w" } param { name: "v" }`,
      `${fc('b', 'a', 2)} param { name: "w" } param { name: "v" }`,
      fc('c', 'b', 2),
      fc('d', 'c', 2),
    ],
  )
  const blobs = new Map<string, MaskedBlob[]>([
    ['a', [ones(4, () => false), ones(2, () => true)]],
    ['b', [ones(4, () => false), ones(2, () => true)]],
    ['c', [ones(4, () => true), ones(2, () => true)]],
  ])
  expect(new Cleaner(graph).clean(blobs).changed.size).toBe(0)
})

test('60 million weights take seconds', () => {
  const graph = netOf(
    [1, 256, 6, 6],
    [fc('f6', 'data', 4096), relu('f6'), fc('f7', 'f6', 4096), fc('f8', 'f7', 1000)],
  )
  const blobs = new Map<string, MaskedBlob[]>()
  const big = (size: number, every: number): MaskedBlob => {
    const mask = new Uint8Array(size)
    for (let i = 0; i < size; i += every) mask[i] = 1
    return { values: new Float32Array(size), mask }
  }
  for (const [name, outputs, inputs] of [
    ['f6', 4096, 9216],
    ['f7', 4096, 4096],
    ['f8', 1000, 4096],
  ] as const) {
    blobs.set(name, [big(outputs * inputs, 997), big(outputs, 2)])
  }
  const cleaner = new Cleaner(graph)
  const begun = performance.now()
  cleaner.clean(blobs)
  const elapsed = performance.now() - begun
  console.log(`cleaned in ${elapsed.toFixed(0)} ms`)
  expect(elapsed).toBeLessThan(8000)
})
