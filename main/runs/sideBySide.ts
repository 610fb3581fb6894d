// What making a net compact is worth: the original, the pruned net of the same shape and the compact one, beside one another.

import { stat } from 'node:fs/promises'

import { parameterCount } from '../net/analysis'
import type { CompactNet } from '../net/compact/compactNet'
import { flops } from '../net/cost'
import type { NetGraph } from '../net/graph'
import { type ExportOptions, type WeightReader, writeOnnx } from '../onnx/exportOnnx'
import { gzipSize } from '../onnx/gzipSize'
import { measureLatencies, type TimedInput } from '../onnx/latency'
import type { ModelFigures, SideBySide } from './models'

/** A net and what it is written with. */
export interface ComparedNet extends CompactNet {
  options: ExportOptions
}

/** A written ONNX file and the net in it. */
export interface WrittenModel {
  file: string
  figures: Omit<ModelFigures, 'latency'>
}

/** Writes the net, unverified, to be measured. */
export async function writeForComparison(
  file: string,
  net: ComparedNet,
  signal?: AbortSignal,
): Promise<WrittenModel> {
  await writeOnnx(net.graph, net.blobs, file, net.options)
  return describeModel(file, net, signal)
}

export async function describeModel(
  file: string,
  { graph, blobs }: CompactNet,
  signal?: AbortSignal,
): Promise<WrittenModel> {
  const figures = {
    bytes: (await stat(file)).size,
    gzipBytes: await gzipSize(file, signal),
    parameters: parameterCount(graph),
    nonzero: await nonzeroCount(graph, blobs),
    flops: flops(graph),
  }
  return { file, figures }
}

/** onnxruntime on each of them, in turns. */
export async function compareModels(
  models: Record<keyof SideBySide, WrittenModel>,
  input: TimedInput,
  signal?: AbortSignal,
): Promise<SideBySide> {
  const { original, masked, compact } = models
  const files = [original.file, masked.file, compact.file]
  const [first, second, third] = await measureLatencies(files, input, signal)
  return {
    original: { ...original.figures, latency: first },
    masked: { ...masked.figures, latency: second },
    compact: { ...compact.figures, latency: third },
  }
}

async function nonzeroCount(graph: NetGraph, read: WeightReader): Promise<number> {
  const seen = new Set<string>()
  let nonzero = 0
  for (const { name, parameters } of graph.layers) {
    for (const [slot, parameter] of parameters.entries()) {
      if (parameter.name !== '' && seen.has(parameter.name)) continue
      seen.add(parameter.name)
      const values = await read(name, slot)
      for (let i = 0; i < values.length; i++) if (values[i] !== 0) nonzero++
    }
  }
  return nonzero
}
