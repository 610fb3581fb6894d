// Small nets and files made on the spot.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll } from 'vitest'
import { NetParameter } from '../../../main/caffe/proto'
import { buildGraph } from '../../../main/caffe/build/buildGraph'
import type { BuildOptions } from '../../../main/caffe/build/context'
import { parseNet } from '../../../main/caffe/prototxt'
import { AppError } from '../../../main/net/errors'
import type { LayerOf, LayerType, NetGraph } from '../../../main/net/graph'

/** A folder that goes away with the test file. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'olmp-test-'))
  afterAll(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

export function graphOf(text: string, options: Partial<BuildOptions> = {}): NetGraph {
  return buildGraph(parseNet(text, 'net.prototxt'), { phase: 'TEST', ...options })
}

/** The layer named 'l' of a net with inputs x (and y, z). */
export function layerOf<T extends LayerType>(
  type: T,
  layer: string,
  inputs: number[][] = [[2, 3, 4, 5]],
  options: Partial<BuildOptions> = {},
): LayerOf<T> {
  const names = ['x', 'y', 'z'].slice(0, inputs.length)
  const inputText = names
    .map((name, i) => `input: "${name}" input_shape { ${inputs[i].map((dim) => `dim: ${dim}`).join(' ')} }`)
    .join('\n')
  const bottoms = names.map((name) => `bottom: "${name}"`).join(' ')
  const text = `${inputText}\nlayer { name: "l" type: "${type}" ${bottoms} ${layer} }`
  const found = graphOf(text, options).layers.find(
    (candidate): candidate is LayerOf<T> & typeof candidate =>
      candidate.name === 'l' && candidate.type === type,
  )
  if (found === undefined) throw new Error(`no layer of type ${type}`)
  return found
}

/** The AppError that `action` throws, as a person reads it. */
export function refusal(action: () => unknown): { code: string; text: string } {
  try {
    action()
  } catch (error) {
    if (error instanceof AppError) return { code: error.code, text: error.describe() }
    throw error
  }
  throw new Error('nothing was refused')
}

export async function refusalOf(action: Promise<unknown>): Promise<{ code: string; text: string }> {
  try {
    await action
  } catch (error) {
    if (error instanceof AppError) return { code: error.code, text: error.describe() }
    throw error
  }
  throw new Error('nothing was refused')
}

export function encodeNet(net: object): Buffer {
  return Buffer.from(NetParameter.encode(NetParameter.fromObject(net)).finish())
}

export function write(folder: string, name: string, content: string | Uint8Array): string {
  const file = join(folder, name)
  writeFileSync(file, content)
  return file
}

/** Ascending values, so that a wrong offset shows. */
export function ramp(count: number, start = 0): number[] {
  return Array.from({ length: count }, (_, i) => start + i)
}
