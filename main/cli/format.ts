// Numbers as people of the field read them.

import type { Sparsity } from '../runs/types'

export const percent = (share: number): string => `${(share * 100).toFixed(2)}%`

/** A share in percentage points, without a sign. */
export const points = (share: number): string => (share * 100).toFixed(2)

export const ratio = (value: number): string => `${value.toFixed(2)}x`

export const integer = (value: number): string => value.toLocaleString('en-US')

export function duration(seconds: number): string {
  if (seconds < 60) return `${seconds.toFixed(1)} s`
  const minutes = Math.floor(seconds / 60)
  return `${minutes} min ${Math.round(seconds - 60 * minutes)} s`
}

export function bytes(value: number): string {
  if (value < 1000) return `${value} B`
  if (value < 1e6) return `${(value / 1e3).toFixed(1)} kB`
  return `${(value / 1e6).toFixed(1)} MB`
}

/** Rows as aligned columns; the first column to the left, numbers to the right. */
export function table(rows: string[][]): string[] {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)))
  return rows.map((row) =>
    row
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[column]) : cell.padStart(widths[column])))
      .join('  ')
      .trimEnd(),
  )
}

/** What is kept, layer by layer and in all; biases counted, the weights-only ratio beside it. */
export function sparsityLines({
  layers,
  kept,
  total,
  compression,
  compressionWeightsOnly,
}: Sparsity): string[] {
  return [
    ...table([
      ['layer', 'weights', 'kept', 'biases', 'kept'],
      ...layers.map((layer) => [
        layer.name,
        integer(layer.weights),
        integer(layer.keptWeights),
        integer(layer.biases),
        integer(layer.keptBiases),
      ]),
    ]),
    '',
    `Compression ${ratio(compression)} (weights and biases: ${integer(kept)} of ${integer(total)}; ` +
      `weights only ${ratio(compressionWeightsOnly)})`,
  ]
}
