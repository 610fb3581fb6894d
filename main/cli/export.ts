// olmp export RUN --onnx FILE | --caffemodel FILE

import path from 'node:path'

import { loadAddon } from '../engine/addon'
import { AppError } from '../net/errors'
import { exportCaffemodel, exportOnnx, type ExportDeps } from '../runs/exportRun'
import { cacheFolder } from './environment'
import { bytes, integer, percent, ratio } from './format'
import type { Terminal } from './terminal'

export interface ExportFlags {
  onnx?: string
  caffemodel?: string
  plain?: boolean
}

export async function exportCommand(terminal: Terminal, run: string, flags: ExportFlags): Promise<void> {
  const deps: ExportDeps = {
    addon: loadAddon(),
    cacheFolder: cacheFolder(),
    onProgress: (text, done, total) => terminal.progress(text, done, total),
  }
  if (flags.onnx === undefined && flags.caffemodel === undefined) {
    throw new AppError('no-output', 'nothing to write was named', {
      hint: 'give --onnx FILE or --caffemodel FILE',
    })
  }
  const results: object[] = []
  const lines: string[] = []
  if (flags.caffemodel !== undefined) {
    const format = flags.plain === true ? 'plain' : 'masked'
    const written = await exportCaffemodel(path.resolve(run), path.resolve(flags.caffemodel), format, deps)
    results.push({ file: written.file, bytes: written.bytes, compression: written.sparsity.compression })
    lines.push(`${written.file}: ${bytes(written.bytes)}, ${ratio(written.sparsity.compression)} compression`)
  }
  if (flags.onnx !== undefined) {
    const report = await exportOnnx(path.resolve(run), path.resolve(flags.onnx), deps)
    const { sparsity, ...verified } = report
    results.push({ ...verified, compression: sparsity.compression })
    lines.push(
      `${report.file}: ${bytes(report.bytes)} (${bytes(report.gzipBytes)} gzipped; the caffemodel was ${bytes(report.referenceBytes)}), ` +
        `${ratio(sparsity.compression)} compression`,
      `Verified on ${integer(report.images)} test images: accuracy ${percent(report.accuracyOnnx)} by onnxruntime, ` +
        `${percent(report.accuracyEngine)} by the engine; same class for ${percent(report.agreement)}; ` +
        `largest difference of ${report.compared} ${report.maxAbsDiff.toExponential(1)}`,
    )
  }
  // With both, the verified ONNX file is the result that programs read.
  terminal.result(results[results.length - 1], () => lines)
}
