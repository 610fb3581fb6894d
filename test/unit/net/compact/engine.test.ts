// The engine runs the pruned net, onnxruntime the compact one: as an export is verified.

import { existsSync } from 'node:fs'
import { describe, expect, test } from 'vitest'

import { addonCandidates, loadAddon } from '../../../../main/engine/addon'
import { compactNet } from '../../../../main/net/compact/compactNet'
import { count, type NetGraph } from '../../../../main/net/graph'
import { exportOnnx } from '../../../../main/onnx/exportOnnx'
import type { WeightReader } from '../../../../main/onnx/exportOnnx'
import { OnnxRuntime } from '../../../../main/onnx/runtime'
import { uniform } from '../../onnx/referenceNet'
import { difference, masked, nets, randomBlobs } from '../clean/nets'

const built = addonCandidates().some((file) => existsSync(file))
if (!built) console.log('SKIPPED: the native addon is not built')

async function engineOutputs(
  graph: NetGraph,
  weights: WeightReader,
  names: readonly string[],
  data: Float32Array,
): Promise<Record<string, Float32Array>> {
  const session = await loadAddon().createSession({
    test: JSON.stringify(graph),
    device: 'cpu',
    threads: 1,
    seed: 1,
    rateEncoding: 'exact',
  })
  try {
    for (const [index, { layer, slot }] of session.parameters.entries())
      await session.setParameter(index, 'value', await weights(layer, slot))
    await session.setBlob('TEST', 'data', 'data', data)
    await session.forward('TEST')
    const entries = names.map(async (name) => [name, await session.getBlob('TEST', name, 'data')] as const)
    return Object.fromEntries(await Promise.all(entries))
  } finally {
    await session.close()
  }
}

describe.skipIf(!built)('against the engine', () => {
  test.each(Object.entries(nets))('%s', async (_, make) => {
    const graph = make()
    const weights = masked(randomBlobs(graph, 8))
    const compact = await compactNet(graph, weights)
    const runtime = await OnnxRuntime.load(await exportOnnx(compact.graph, compact.blobs))
    const shape = graph.layers[0].top_shapes[0]
    const random = uniform(11)
    const values = Float32Array.from({ length: count(shape) }, () => random() * 2 - 1)
    const outputs = await runtime.run({ data: { shape, values } })
    await runtime.dispose()
    const found = Object.fromEntries(Object.entries(outputs).map(([name, tensor]) => [name, tensor.values]))
    const expected = await engineOutputs(graph, weights, Object.keys(found), values)
    expect(difference(expected, found)).toBeLessThan(1e-5)
  })
})
