// Every golden layer case that a deploy net can hold, exported as a net of one layer and run by onnxruntime.

import { afterAll, describe, expect, test } from 'vitest'
import { exportOnnx } from '../../../main/onnx/exportOnnx'
import type { OnnxTensor } from '../../../main/onnx/runtime'
import { OnnxRuntime } from '../../../main/onnx/runtime'
import { caseNames, caseWeights, goldenCase, relativeError } from './goldenCase'
import type { GoldenArray } from './goldenCase'

/** Training and evaluation layers, and Im2col, have no place in an exported net. */
const NOT_EXPORTABLE =
  /^(accuracy|contrastive|euclidean|hinge|im2col|infogain|multinomial|sigmoid_xent|softmaxloss)/

/** Cases whose output for two batches is not two outputs: they mix items, or a bottom without batch axis. */
const BATCH_BOUND = new Set(['batchnorm_train', 'concat_axis0', 'reduction_sum_axis0', 'scale_2bottoms'])

const exportable = caseNames.filter((name) => !NOT_EXPORTABLE.test(name))
const refused = caseNames.filter((name) => NOT_EXPORTABLE.test(name))

let worst = { name: '', error: 0 }
afterAll(() =>
  console.log(`${exportable.length} cases; largest error ${worst.error.toExponential(1)} (${worst.name})`),
)

describe.each([13, 17] as const)('opset %i', (opset) => {
  test.each(exportable)('%s', async (name) => {
    const golden = goldenCase(name)
    const model = await exportOnnx(golden.graph, caseWeights(golden), { opset })
    const runtime = await OnnxRuntime.load(model)
    try {
      const outputs = await runtime.run(feeds(runtime.inputNames, golden.inputs))
      compare(name, runtime.outputNames, outputs, golden.outputs)
      if (BATCH_BOUND.has(name)) return
      const twice = await runtime.run(feeds(runtime.inputNames, golden.inputs.map(repeat)))
      compare(name, runtime.outputNames, twice, golden.outputs.map(repeat))
    } finally {
      await runtime.dispose()
    }
  })
})

test.each(refused)('%s is refused', async (name) => {
  const golden = goldenCase(name)
  const layer = golden.graph.layers.find((candidate) => candidate.name === 'l')
  await expect(exportOnnx(golden.graph, caseWeights(golden))).rejects.toMatchObject({
    code: 'not-exportable',
    message: expect.stringContaining(`layer 'l' of type ${layer?.type}`),
    line: layer?.at?.line,
  })
})

function compare(
  name: string,
  outputNames: readonly string[],
  actual: Record<string, OnnxTensor>,
  expected: GoldenArray[],
): void {
  expect(outputNames.length).toBe(expected.length)
  expected.forEach((golden, i) => {
    const output = actual[outputNames[i]]
    expect(output.shape).toEqual(golden.shape)
    const error = relativeError(output.values, golden.values)
    if (error > worst.error) worst = { name, error }
    expect(error).toBeLessThanOrEqual(1e-5)
  })
}

function feeds(names: readonly string[], inputs: GoldenArray[]): Record<string, OnnxTensor> {
  const entries = inputs.filter((input) => names.includes(input.name))
  expect(entries.length).toBe(names.length)
  return Object.fromEntries(entries.map((input) => [input.name, input]))
}

/** The array twice, one after the other along its outermost axis. */
function repeat({ name, shape, values }: GoldenArray): GoldenArray {
  const twice = new Float32Array(values.length * 2)
  twice.set(values, 0)
  twice.set(values, values.length)
  return { name, shape: [shape[0] * 2, ...shape.slice(1)], values: twice }
}
