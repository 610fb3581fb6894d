// The original, the masked and the compact model as a table.

import type { ModelFigures, SideBySide } from '../runs/models'
import { bytes, integer } from './format'

const columns: [string, (figures: ModelFigures) => string][] = [
  ['file', (figures) => bytes(figures.bytes)],
  ['gzipped', (figures) => bytes(figures.gzipBytes)],
  ['parameters', (figures) => integer(figures.parameters)],
  ['not zero', (figures) => integer(figures.nonzero)],
  ['FLOPs', (figures) => integer(figures.flops)],
  ['onnxruntime', (figures) => `${figures.latency.medianMs.toPrecision(3)} ms`],
]

export function sideBySideLines({ original, masked, compact }: SideBySide): string[] {
  const models = Object.entries({ original, masked, compact })
  const rows = [
    ['', ...columns.map(([head]) => head)],
    ...models.map(([name, figures]) => [name, ...columns.map(([, cell]) => cell(figures))]),
  ]
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)))
  return rows.map((row) =>
    row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i]))).join('  '),
  )
}
