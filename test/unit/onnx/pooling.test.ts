// Pooling over every small geometry against Caffe's loops (pooling_layer.cpp), restated here.

import { describe, expect, test } from 'vitest'
import { exportOnnx } from '../../../main/onnx/exportOnnx'
import { OnnxRuntime } from '../../../main/onnx/runtime'
import type { Layer, LayerParams } from '../../../main/net/graph'
import { common, net, uniform } from './referenceNet'
import { relativeError } from './goldenCase'

type Pooling = LayerParams['Pooling']

function pooledSize(
  size: number,
  kernel: number,
  stride: number,
  pad: number,
  round: Pooling['round_mode'],
): number {
  const steps = (size + 2 * pad - kernel) / stride
  const out = (round === 'CEIL' ? Math.ceil(steps) : Math.floor(steps)) + 1
  return pad > 0 && (out - 1) * stride >= size + pad ? out - 1 : out
}

/** One plane of (height, width). */
function caffePooling(
  plane: Float32Array,
  [height, width]: number[],
  out: number[],
  params: Pooling,
): Float32Array {
  const { kernel_size, stride, pad, pool } = params
  const result = new Float32Array(out[0] * out[1])
  for (let ph = 0; ph < out[0]; ph++) {
    for (let pw = 0; pw < out[1]; pw++) {
      const top = ph * stride[0] - pad[0]
      const left = pw * stride[1] - pad[1]
      const bottom = Math.min(top + kernel_size[0], height + pad[0])
      const right = Math.min(left + kernel_size[1], width + pad[1])
      const divisor = (bottom - top) * (right - left)
      let max = -Infinity
      let sum = 0
      for (let h = Math.max(top, 0); h < Math.min(bottom, height); h++) {
        for (let w = Math.max(left, 0); w < Math.min(right, width); w++) {
          max = Math.max(max, plane[h * width + w])
          sum += plane[h * width + w]
        }
      }
      result[ph * out[1] + pw] = pool === 'MAX' ? max : sum / divisor
    }
  }
  return result
}

function poolingNet(size: number[], out: number[], params: Pooling): ReturnType<typeof net> {
  const input: Layer = { ...common('x', [], ['x'], [[1, 1, ...size]]), type: 'Input', params: {} }
  const pool: Layer = { ...common('pool', ['x'], ['y'], [[1, 1, ...out]]), type: 'Pooling', params }
  return net([input, pool])
}

const weights = (): Promise<Float32Array> => Promise.reject(new Error('pooling has no weights'))

describe.each(['MAX', 'AVE'] as const)('%s', (pool) => {
  test.each(['CEIL', 'FLOOR'] as const)('%s: kernels, strides and pads', async (round_mode) => {
    const random = uniform(11)
    let compared = 0
    let refused = 0
    for (let size = 3; size <= 8; size++) {
      for (let kernel = 1; kernel <= 4; kernel++) {
        for (let stride = 1; stride <= 5; stride++) {
          for (let pad = 0; pad < kernel; pad++) {
            if (size + 2 * pad < kernel) continue
            // the width keeps another geometry than the height
            const params: Pooling = {
              pool,
              round_mode,
              global_pooling: false,
              kernel_size: [kernel, 2],
              stride: [stride, 2],
              pad: [pad, 0],
            }
            const dims = [size, size + 1]
            const out = [0, 1].map((i) =>
              pooledSize(dims[i], params.kernel_size[i], params.stride[i], params.pad[i], round_mode),
            )
            const graph = poolingNet(dims, out, params)
            if ((out[0] - 1) * stride >= size + pad) {
              // Caffe reads outside its memory there
              await expect(exportOnnx(graph, weights)).rejects.toMatchObject({ code: 'not-exportable' })
              refused += 1
              continue
            }
            const values = new Float32Array(dims[0] * dims[1]).map(() => random() * 4 - 3)
            const runtime = await OnnxRuntime.load(await exportOnnx(graph, weights))
            const { y } = await runtime.run({ x: { shape: [1, 1, ...dims], values } })
            await runtime.dispose()
            expect(y.shape).toEqual([1, 1, ...out])
            const error = relativeError(y.values, caffePooling(values, dims, out, params))
            expect(error, JSON.stringify({ dims, ...params })).toBeLessThan(1e-6)
            compared += 1
          }
        }
      }
    }
    expect(compared).toBeGreaterThan(250)
    if (round_mode === 'FLOOR') expect(refused).toBe(0)
    else expect(refused).toBeGreaterThan(0)
  })
})

test.each(['MAX', 'AVE'] as const)('SPP %s', async (pool) => {
  const size = [7, 9]
  const random = uniform(5)
  const values = new Float32Array(63).map(() => random() - 0.8)
  const input: Layer = { ...common('x', [], ['x'], [[1, 1, ...size]]), type: 'Input', params: {} }
  const spp: Layer = {
    ...common('spp', ['x'], ['y'], [[1, 21]]),
    type: 'SPP',
    params: { pyramid_height: 3, pool },
  }
  const runtime = await OnnxRuntime.load(await exportOnnx(net([input, spp]), weights))
  const { y } = await runtime.run({ x: { shape: [1, 1, ...size], values } })
  await runtime.dispose()

  // spp_layer.cpp, GetPoolingParam
  const expected = [1, 2, 4].flatMap((bins) => {
    const kernel = size.map((dim) => Math.ceil(dim / bins))
    const pad = size.map((dim, i) => Math.floor((kernel[i] * bins - dim + 1) / 2))
    const params: Pooling = {
      pool,
      round_mode: 'CEIL',
      global_pooling: false,
      kernel_size: [kernel[0], kernel[1]],
      stride: [kernel[0], kernel[1]],
      pad: [pad[0], pad[1]],
    }
    const out = size.map((dim, i) => pooledSize(dim, kernel[i], kernel[i], pad[i], 'CEIL'))
    return [...caffePooling(values, size, out, params)]
  })
  expect(y.shape).toEqual([1, 21])
  expect(relativeError(y.values, Float32Array.from(expected))).toBeLessThan(1e-6)
})
