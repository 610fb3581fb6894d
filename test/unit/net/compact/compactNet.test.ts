import { describe, expect, test } from 'vitest'

import { parameterCount } from '../../../../main/net/analysis'
import type { MaskedBlob } from '../../../../main/net/clean/blobs'
import { compactNet } from '../../../../main/net/compact/compactNet'
import type { NetGraph } from '../../../../main/net/graph'
import { conv, difference, fc, masked, netOf, nets, outputsOf, randomBlobs, relu } from '../clean/nets'

const dense = (graph: NetGraph, seed: number, change: (blobs: Map<string, MaskedBlob[]>) => void) => {
  const blobs = randomBlobs(graph, seed, { weights: 1, biases: 1, outputs: 1 })
  change(blobs)
  return masked(blobs)
}

const shapesOf = (graph: NetGraph): Record<string, number[][]> =>
  Object.fromEntries(
    graph.layers
      .filter(({ parameters }) => parameters.length > 0)
      .map(({ name, parameters }) => [name, parameters.map(({ shape }) => shape)]),
  )

describe.each(Object.entries(nets))('%s', (_, make) => {
  const graph = make()

  test.each([1, 2, 3, 4, 5, 6])('is smaller and computes the same, seed %i', async (seed) => {
    const weights = masked(randomBlobs(graph, seed))
    const compact = await compactNet(graph, weights)
    expect(parameterCount(compact.graph)).toBeLessThan(parameterCount(graph))
    const before = await outputsOf(graph, weights)
    const after = await outputsOf(compact.graph, compact.blobs)
    expect(Object.keys(after)).toEqual(Object.keys(before))
    expect(difference(before, after)).toBeLessThan(1e-5)
  })

  test('with nearly nothing left it still computes the same', async () => {
    const weights = masked(randomBlobs(graph, 3, { weights: 0.02, biases: 0.2, outputs: 0.3 }))
    const compact = await compactNet(graph, weights)
    const before = await outputsOf(graph, weights)
    expect(difference(before, await outputsOf(compact.graph, compact.blobs))).toBeLessThan(1e-5)
  })

  test('what is dense stays as it is', async () => {
    const weights = dense(graph, 1, () => undefined)
    const compact = await compactNet(graph, weights)
    expect(compact.graph).toEqual(graph)
    for (const { name, parameters } of graph.layers) {
      for (const slot of parameters.keys())
        expect(await compact.blobs(name, slot)).toEqual(await weights(name, slot))
    }
  })
})

test('a branch of which nothing is left goes from its Concat', async () => {
  const graph = netOf(
    [1, 2, 6, 6],
    [
      conv('a', 'data', 4, 'kernel_size: 1'),
      relu('a'),
      conv('b1', 'data', 3, 'kernel_size: 1'),
      relu('b1'),
      conv('b2', 'b1', 5, 'kernel_size: 3 pad: 1'),
      relu('b2'),
      'name: "join" type: "Concat" bottom: "a" bottom: "b2" top: "join"',
      fc('f', 'join', 2),
    ],
  )
  const weights = dense(graph, 2, (blobs) => {
    blobs.get('b2')?.forEach(({ mask }) => mask?.fill(0))
  })
  const { graph: compact, blobs } = await compactNet(graph, weights)
  expect(compact.layers.map(({ name }) => name)).toEqual(['data', 'a', 'relu_a', 'join', 'f'])
  expect(shapesOf(compact)).toEqual({ a: [[4, 2, 1, 1], [4]], f: [[2, 4 * 36], [2]] })
  expect(difference(await outputsOf(graph, weights), await outputsOf(compact, blobs))).toBeLessThan(1e-5)
})

test('groups stay equal in size, and one of which nothing is left goes', async () => {
  const graph = netOf(
    [1, 2, 4, 4],
    [
      conv('a', 'data', 9, 'kernel_size: 1'),
      relu('a'),
      conv('g', 'a', 9, 'kernel_size: 1 group: 3'),
      relu('g'),
      fc('f', 'g', 2),
    ],
  )
  const weights = dense(graph, 3, (blobs) => {
    const [ga, gg] = [blobs.get('a')!, blobs.get('g')!]
    // outputs 0 to 2 and 4 of g, and what of a only they read
    for (const o of [0, 1, 2, 4]) {
      gg[0].mask?.fill(0, o * 3, o * 3 + 3)
      gg[1].mask?.fill(0, o, o + 1)
    }
    for (const c of [7]) {
      ga[0].mask?.fill(0, c * 2, c * 2 + 2)
      ga[1].mask?.fill(0, c, c + 1)
    }
  })
  const compact = await compactNet(graph, weights)
  expect(shapesOf(compact.graph)).toMatchObject({ a: [[6, 2, 1, 1], [6]], g: [[6, 3, 1, 1], [6]] })
  const { blobs } = compact
  expect(difference(await outputsOf(graph, weights), await outputsOf(compact.graph, blobs))).toBeLessThan(
    1e-5,
  )
})

test('a constant goes into the bias of a layer that had none', async () => {
  const graph = netOf(
    [1, 2, 4, 4],
    [
      conv('a', 'data', 3, 'kernel_size: 1'),
      relu('a'),
      conv('b', 'a', 2, 'kernel_size: 1 bias_term: false'),
      conv('c', 'b', 2, 'kernel_size: 1 bias_term: false'),
    ],
  )
  const weights = dense(graph, 4, (blobs) => {
    blobs.get('a')?.[0].mask?.fill(0, 2, 4)
    blobs.get('a')?.[1].values.fill(1)
  })
  const { graph: compact, blobs } = await compactNet(graph, weights)
  expect(shapesOf(compact)).toEqual({
    a: [[2, 2, 1, 1], [2]],
    b: [[2, 2, 1, 1], [2]],
    c: [[2, 2, 1, 1]],
  })
  expect(difference(await outputsOf(graph, weights), await outputsOf(compact, blobs))).toBeLessThan(1e-5)
})
