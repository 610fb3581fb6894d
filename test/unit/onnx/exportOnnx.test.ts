// What the golden cases do not reach: names, shared parameters, other axes, batches, and refusals.

import { expect, test } from 'vitest'
import { buildModel, exportOnnx } from '../../../main/onnx/exportOnnx'
import type { WeightReader } from '../../../main/onnx/exportOnnx'
import type { OnnxTensor } from '../../../main/onnx/runtime'
import { OnnxRuntime } from '../../../main/onnx/runtime'
import type { Layer, LayerOf, NetGraph, Shape } from '../../../main/net/graph'
import { count } from '../../../main/net/graph'
import { common, net, parameter, uniform } from './referenceNet'

function input(name: string, shape: Shape): Layer {
  return { ...common(name, [], [name], [shape]), type: 'Input', params: {} }
}

function innerProduct(
  name: string,
  bottom: string,
  weights: Shape,
  top: Shape,
  axis = 1,
): LayerOf<'InnerProduct'> {
  return {
    ...common(name, [bottom], [name], [top]),
    type: 'InnerProduct',
    params: { num_output: weights[0], bias_term: false, axis, transpose: false },
    parameters: [parameter(weights)],
  }
}

function counting(graph: NetGraph): WeightReader {
  return async (layer, slot) => {
    const { shape } = graph.layers.find(({ name }) => name === layer)!.parameters[slot]
    return new Float32Array(count(shape)).map((_, i) => (i % 7) - 3)
  }
}

function random(shape: Shape): OnnxTensor {
  const next = uniform(17)
  return { shape, values: new Float32Array(count(shape)).map(() => next() - 0.5) }
}

async function run(graph: NetGraph, feeds: Record<string, OnnxTensor>): Promise<Record<string, OnnxTensor>> {
  const runtime = await OnnxRuntime.load(await exportOnnx(graph, counting(graph)))
  const outputs = await runtime.run(feeds)
  await runtime.dispose()
  return outputs
}

test('in-place layers get names of their own, and the blob keeps its name at the end', () => {
  const graph = net([
    input('data', [1, 4]),
    innerProduct('fc', 'data', [3, 4], [1, 3]),
    { ...common('act', ['fc'], ['fc'], [[1, 3]]), type: 'ReLU', params: { negative_slope: 0 } },
    { ...common('drop', ['fc'], ['fc'], [[1, 3]]), type: 'Dropout', params: { dropout_ratio: 0.5 } },
  ])
  const model = buildModel(graph, counting(graph), {})
  expect(model.nodes.map((node) => [node.op_type, node.output])).toEqual([
    ['Gemm', ['fc/fc']],
    ['Relu', ['fc']],
  ])
  expect(model.outputs.map((output) => output.name)).toEqual(['fc'])
})

test('an output that stands for another blob is named by Identity', async () => {
  const graph = net([
    input('data', [1, 4]),
    innerProduct('fc', 'data', [3, 4], [1, 3]),
    { ...common('drop', ['fc'], ['dropped'], [[1, 3]]), type: 'Dropout', params: { dropout_ratio: 0.5 } },
  ])
  expect(Object.keys(await run(graph, { data: random([2, 4]) }))).toEqual(['dropped'])
})

test('an in-place layer on the input leaves the input its name', async () => {
  const graph = net([
    input('data', [1, 4]),
    { ...common('act', ['data'], ['data'], [[1, 4]]), type: 'AbsVal', params: {} },
    innerProduct('fc', 'data', [3, 4], [1, 3]),
  ])
  const { fc } = await run(graph, { data: { shape: [1, 4], values: Float32Array.of(-1, 1, -1, 1) } })
  expect([...fc.values]).toEqual([-6, 3, -2])
})

test('layers that share a parameter share its initializer', () => {
  const shared = (name: string, bottom: string): Layer => ({
    ...innerProduct(name, bottom, [3, 4], [1, 3]),
    parameters: [parameter([3, 4], 'w')],
  })
  const graph = net([input('a', [1, 4]), input('b', [1, 4]), shared('left', 'a'), shared('right', 'b')])
  const model = buildModel(graph, counting(graph), {})
  expect(model.initializers.map(({ name }) => name)).toEqual(['left.weight'])
  expect(model.nodes.map((node) => node.input[1])).toEqual(['left.weight', 'left.weight'])
})

test('InnerProduct from axis 2 on, for another batch than the graph has', async () => {
  const graph = net([input('x', [2, 3, 4]), innerProduct('fc', 'x', [5, 4], [2, 3, 5], 2)])
  const x = random([7, 3, 4])
  const { fc } = await run(graph, { x })
  expect(fc.shape).toEqual([7, 3, 5])
  const weights = await counting(graph)('fc', 0)
  const expected = Array.from({ length: 105 }, (_, i) => {
    const [row, column] = [Math.floor(i / 5), i % 5]
    return [0, 1, 2, 3].reduce((sum, k) => sum + x.values[row * 4 + k] * weights[column * 4 + k], 0)
  })
  fc.values.forEach((value, i) => expect(value).toBeCloseTo(expected[i], 5))
})

test('Convolution from axis 2 on equals one on each slice', async () => {
  const convolution = (shape: Shape, top: Shape, axis: number): NetGraph =>
    net([
      input('x', shape),
      {
        ...common('conv', ['x'], ['y'], [top]),
        type: 'Convolution',
        params: {
          num_output: 2,
          bias_term: false,
          kernel_size: [3, 3],
          stride: [1, 1],
          pad: [1, 1],
          dilation: [1, 1],
          group: 1,
          axis,
        },
        parameters: [parameter([2, 2, 3, 3])],
      },
    ])
  const x = random([3, 2, 2, 5, 5])
  const merged = await run(convolution([1, 2, 5, 5], [1, 2, 5, 5], 1), { x: { ...x, shape: [6, 2, 5, 5] } })
  const split = await run(convolution([1, 2, 2, 5, 5], [1, 2, 2, 5, 5], 2), { x })
  expect(split.y.shape).toEqual([3, 2, 2, 5, 5])
  expect([...split.y.values]).toEqual([...merged.y.values])
})

test('ArgMax takes the highest index of equal values, as Caffe does', async () => {
  const argMax = (params: LayerOf<'ArgMax'>['params'], top: Shape): NetGraph =>
    net([input('x', [1, 5]), { ...common('l', ['x'], ['y'], [top]), type: 'ArgMax', params }])
  const x = { shape: [2, 5], values: Float32Array.of(1, 3, 2, 3, 0, 4, 4, 4, 4, 4) }
  const flat = await run(argMax({ out_max_val: true, top_k: 2, axis: null }, [1, 2, 2]), { x })
  expect([...flat.y.values]).toEqual([3, 1, 3, 3, 4, 3, 4, 4])
  const indices = await run(argMax({ out_max_val: false, top_k: 2, axis: 1 }, [1, 2]), { x })
  expect([...indices.y.values]).toEqual([3, 1, 4, 3])
  const values = await run(argMax({ out_max_val: true, top_k: 2, axis: 1 }, [1, 2]), { x })
  expect([...values.y.values]).toEqual([3, 3, 4, 4])
})

test('Power with scale 0 is a constant, whatever comes in', async () => {
  const graph = net([
    input('x', [1, 2]),
    { ...common('l', ['x'], ['y'], [[1, 2]]), type: 'Power', params: { power: 2, scale: 0, shift: 3 } },
  ])
  const { y } = await run(graph, { x: { shape: [1, 2], values: Float32Array.of(NaN, Infinity) } })
  expect([...y.values]).toEqual([9, 9])
})

test.each<[string, Layer]>([
  ['Reshape that mixes items', { ...common('l', ['x'], ['y'], [[1, 3, 8]]), type: 'Reshape', params: {} }],
  ['InnerProduct on axis 0', { ...innerProduct('l', 'x', [4, 24], [4], 0) }],
  [
    'Slice of the batch',
    {
      ...common(
        'l',
        ['x'],
        ['y', 'z'],
        [
          [1, 12],
          [1, 12],
        ],
      ),
      type: 'Slice',
      params: { axis: 0, slice_point: [1] },
    },
  ],
  [
    'stochastic pooling',
    {
      ...common('l', ['x'], ['y'], [[2, 12]]),
      type: 'Pooling',
      params: {
        pool: 'STOCHASTIC',
        kernel_size: [1, 1],
        stride: [1, 1],
        pad: [0, 0],
        global_pooling: false,
        round_mode: 'CEIL',
      },
    },
  ],
])('%s is refused by name', async (_what, layer) => {
  const graph = net([input('x', [2, 12]), { ...layer, at: { file: 'net.prototxt', line: 9, column: 1 } }])
  await expect(exportOnnx(graph, counting(graph))).rejects.toMatchObject({
    code: 'not-exportable',
    message: expect.stringContaining(`layer 'l' of type ${layer.type}`),
    file: 'net.prototxt',
    line: 9,
    hint: expect.any(String),
  })
})

test('a model of 2 GiB and more is refused before anything is loaded', async () => {
  const graph = net([input('x', [1, 30_000]), innerProduct('fc', 'x', [20_000, 30_000], [1, 20_000])])
  await expect(exportOnnx(graph, () => Promise.reject(new Error('loaded')))).rejects.toMatchObject({
    code: 'model-too-large',
  })
})

test('weights of another net are refused by name', async () => {
  const graph = net([input('x', [1, 4]), innerProduct('fc', 'x', [3, 4], [1, 3])])
  await expect(exportOnnx(graph, async () => new Float32Array(5))).rejects.toMatchObject({
    code: 'shape-mismatch',
    message: "'fc.weight' has 5 values where its shape (3, 4) needs 12",
  })
})

test('a net without an Input layer, and one without that data blob', async () => {
  const headless = net([innerProduct('fc', 'x', [3, 4], [1, 3])])
  await expect(exportOnnx(headless, counting(headless))).rejects.toMatchObject({ code: 'no-input' })
  const graph = net([input('x', [1, 4]), innerProduct('fc', 'x', [3, 4], [1, 3])])
  await expect(exportOnnx(graph, counting(graph), { dataBlob: 'data' })).rejects.toMatchObject({
    code: 'unknown-blob',
    hint: 'its inputs are x',
  })
})
