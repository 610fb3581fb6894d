// The golden layer cases and their net graphs, for the tests that run layers against what real Caffe computes.

import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { buildGraph } from '../../main/caffe/build/buildGraph'
import { parseNet } from '../../main/caffe/prototxt'
import type { NetGraph, Phase } from '../../main/net/graph'

export interface GoldenArray {
  role:
    | 'input'
    | 'param'
    | 'param_diff_initial'
    | 'output'
    | 'param_after_forward'
    | 'output_diff'
    | 'input_diff'
    | 'param_diff'
  name: string
  shape: number[]
  count: number
  offset_bytes: number
}

export interface GoldenCase {
  case: string
  /** Which Caffe computed it: BVLC's, or the OLMP fork. */
  source: 'bvlc' | 'olmp'
  phase: Phase
  backward: boolean
  inplace: boolean
  loss_weights: number[]
  forward_passes: number
  prototxt: string
  bin: string
  arrays: GoldenArray[]
}

export const goldenFolder =
  process.env.GOLDEN_DIR === undefined
    ? join(dirname(fileURLToPath(import.meta.url)), 'layers')
    : join(process.env.GOLDEN_DIR, 'layers')

export function goldenCases(): GoldenCase[] {
  const index: { case: string }[] = JSON.parse(readFileSync(join(goldenFolder, 'index.json'), 'utf8'))
  return index.map(({ case: name }) => JSON.parse(readFileSync(join(goldenFolder, `${name}.json`), 'utf8')))
}

export function describeCase(golden: GoldenCase): NetGraph {
  return buildGraph(parseNet(golden.prototxt, `${golden.case}.prototxt`), {
    phase: golden.phase,
    // the fork is older than the change of 2017, after which InfogainLoss takes logits
    infogainInput: golden.source === 'olmp' ? 'PROBABILITIES' : 'LOGITS',
  })
}

/** descriptions.json: one case per line, so that a change shows which case it touches. */
export function describeAll(): string {
  const lines = goldenCases().map(
    (golden) => ` ${JSON.stringify(golden.case)}: ${JSON.stringify(describeCase(golden))}`,
  )
  return `{\n${lines.join(',\n')}\n}\n`
}
