// Reads the golden layer cases (real Caffe's numbers, test/golden/layers) for tests of the export.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { NetGraph, Shape } from '../../../main/net/graph'
import type { WeightReader } from '../../../main/onnx/exportOnnx'

const folder = process.env.GOLDEN_DIR ?? join(import.meta.dirname, '../../golden/layers')

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

interface CaseFile {
  bin: string
  arrays: { role: string; name: string; shape: Shape; count: number; offset_bytes: number }[]
}

const descriptions = JSON.parse(readFileSync(join(folder, 'descriptions.json'), 'utf8')) as Record<
  string,
  NetGraph
>

export const caseNames = Object.keys(descriptions)

export function goldenCase(name: string): GoldenCase {
  const file = JSON.parse(readFileSync(join(folder, `${name}.json`), 'utf8')) as CaseFile
  const bytes = readFileSync(join(folder, file.bin))
  const arrays = (role: string): GoldenArray[] =>
    file.arrays
      .filter((array) => array.role === role)
      .map(({ name, shape, count, offset_bytes }) => ({
        name,
        shape,
        values: new Float32Array(
          bytes.buffer.slice(bytes.byteOffset + offset_bytes, bytes.byteOffset + offset_bytes + 4 * count),
        ),
      }))
  return {
    graph: descriptions[name],
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
