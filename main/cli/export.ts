// olmp export RUN --onnx FILE | --caffemodel FILE

import path from 'node:path'

import { loadAddon } from '../engine/addon'
import { AppError } from '../net/errors'
import { exportModel, type ExportDeps } from '../runs/exportRun'
import type { ExportFacts, ModelOrigin, ModelProgress, OnnxFormat } from '../runs/models'
import { cacheFolder } from './environment'
import { bytes, integer, percent, ratio } from './format'
import { sideBySideLines } from './sideBySide'
import type { Terminal } from './terminal'

export interface ExportFlags {
  onnx?: string
  caffemodel?: string
  plain?: boolean
  sparse?: boolean
  compact?: boolean
  checkpoint?: string
  front?: number
}

const stages: Record<ModelProgress['stage'], string> = {
  opening: 'Opening the model',
  writing: 'Writing',
  comparing: 'Comparing with onnxruntime',
  'reading-back': 'Reading back',
  measuring: 'Measuring',
  classifying: 'Classifying',
}

export async function exportCommand(terminal: Terminal, run: string, flags: ExportFlags): Promise<void> {
  const deps: ExportDeps = {
    addon: loadAddon(),
    cacheFolder: cacheFolder(),
    onProgress: ({ stage, done, total }) => terminal.progress(stages[stage], done, Math.max(1, total)),
  }
  if (flags.onnx === undefined && flags.caffemodel === undefined) {
    throw new AppError('no-output', 'nothing to write was named', {
      hint: 'give --onnx FILE or --caffemodel FILE',
    })
  }
  if (flags.compact === true && flags.onnx === undefined) {
    throw new AppError('no-output', '--compact is a form of the ONNX model', { hint: 'give --onnx FILE' })
  }
  const runFolder = path.resolve(run)
  const { checkpoint, front } = flags
  const origin: ModelOrigin =
    front === undefined
      ? { kind: 'checkpoint', runFolder, checkpoint }
      : { kind: 'front', runFolder, iteration: front }
  const results: object[] = []
  const lines: string[] = []
  if (flags.caffemodel !== undefined) {
    const file = path.resolve(flags.caffemodel)
    const format = flags.plain === true ? 'caffemodel-plain' : 'caffemodel'
    const facts = await exportModel(origin, format, file, deps)
    results.push({ file, bytes: facts.bytes, compression: facts.sparsity.compression })
    lines.push(`${file}: ${bytes(facts.bytes)}, ${ratio(facts.sparsity.compression)} compression`)
  }
  if (flags.onnx !== undefined) {
    const file = path.resolve(flags.onnx)
    const facts = await exportModel(origin, onnxFormat(flags), file, deps)
    results.push(onnxResult(file, facts))
    lines.push(...onnxLines(file, facts))
  }
  // With both, the verified ONNX file is the result that programs read.
  terminal.result(results[results.length - 1], () => lines)
}

function onnxFormat({ compact, sparse }: ExportFlags): OnnxFormat {
  if (compact === true) return sparse === true ? 'onnx-compact-sparse' : 'onnx-compact'
  return sparse === true ? 'onnx-sparse' : 'onnx'
}

function onnxResult(file: string, facts: ExportFacts): object {
  const { verification, sparsity, checkpoint, caffemodel, sideBySide } = facts
  const { kind, ...verified } = verification
  return {
    ...verified,
    verifiedBy: kind,
    bytes: facts.bytes,
    gzipBytes: facts.gzipBytes,
    file,
    iteration: checkpoint?.iteration,
    referenceBytes: caffemodel.bytes,
    compression: sparsity.compression,
    sideBySide,
  }
}

function onnxLines(file: string, { verification, bytes: size, gzipBytes, ...facts }: ExportFacts): string[] {
  const lines = [
    `${file}: ${bytes(size)} (${bytes(gzipBytes)} gzipped; the caffemodel was ${bytes(facts.caffemodel.bytes)}), ` +
      `${ratio(facts.sparsity.compression)} compression`,
  ]
  if (facts.sideBySide !== undefined) lines.push(...sideBySideLines(facts.sideBySide))
  if (verification.kind !== 'onnxruntime') return lines
  const { images, accuracyOnnx, accuracyEngine, agreement, compared, maxAbsDiff } = verification
  lines.push(
    `Verified on ${integer(images)} test images: accuracy ${percent(accuracyOnnx)} by onnxruntime, ` +
      `${percent(accuracyEngine)} by the engine; same class for ${percent(agreement)}; ` +
      `largest difference of ${compared} ${maxAbsDiff.toExponential(1)}`,
  )
  return lines
}
