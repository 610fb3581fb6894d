// Reads the golden layer cases (real Caffe's numbers, test/golden/layers) for tests of the export.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { NetGraph, Shape } from '../../../main/net/graph'
import type { WeightReader } from '../../../main/onnx/exportOnnx'
import { describeCase, goldenCases, goldenFolder } from '../../golden/describe'

export interface GoldenArray {
  name: string
  shape: Shape
  values: Float32Array
}

export interface GoldenCase {
  graph: NetGraph
  inputs: GoldenArray[]
  outputs: GoldenArray[]
  params: GoldenArray[]
}

const cases = new Map(goldenCases().map((golden) => [golden.case, golden]))

export const caseNames = [...cases.keys()]

export function goldenCase(name: string): GoldenCase {
  const golden = cases.get(name)!
  const bytes = readFileSync(join(goldenFolder, golden.bin))
  const arrays = (role: string): GoldenArray[] =>
    golden.arrays
      .filter((array) => array.role === role)
      .map(({ name, shape, count, offset_bytes }) => {
        const start = bytes.byteOffset + offset_bytes
        return { name, shape, values: new Float32Array(bytes.buffer.slice(start, start + 4 * count)) }
      })
  return {
    graph: describeCase(golden),
    inputs: arrays('input'),
    outputs: arrays('output'),
    params: arrays('param'),
  }
}

/** Weights of the one layer; blobs 2 and 3 of masked layers are the masks of blobs 0 and 1. */
export function caseWeights({ graph, params }: GoldenCase): WeightReader {
  const masked = graph.layers.some((layer) => layer.declared_masked)
  return async (_layer, slot) => {
    const { values } = params[slot]
    return masked ? values.map((value, i) => value * params[slot + 2].values[i]) : values
  }
}

/** Largest |a - b| / max(1, max|b|). */
export function relativeError(actual: Float32Array, expected: Float32Array): number {
  if (actual.length !== expected.length) return Infinity
  const scale = expected.reduce((max, value) => Math.max(max, Math.abs(value)), 1)
  return actual.reduce((max, value, i) => {
    const error = Math.abs(value - expected[i]) / scale
    return Number.isNaN(error) ? Infinity : Math.max(max, error)
  }, 0)
}
