// A layer's values and masks made small enough to draw: moments, histogram, the picture of what is kept.

import type { MaskPicture, WeightHistogram } from '../projects/netTypes'
import type { Shape } from '../net/graph'

/** Odd, so that zero has a bin of its own. */
const HISTOGRAM_BINS = 161
/** A weight is pruned where |w| <= 0.9 t (Guo, Yao, Chen 2016). */
export const PRUNED_BELOW = 0.9
/** Above so many weights a picture shows blocks. As bits these are 64 kB. */
const MOST_BITS = 1 << 19
/** Cells of a picture of blocks along a side. */
const MOST_CELLS = 512

/** Values of one blob, and its mask where it has one: without, all are kept. */
export interface MaskedValues {
  values: Float32Array
  mask?: Float32Array
}

/** Of |w| over nonzero values, as the engine takes them (Guo, Yao, Chen 2016): population standard deviation. */
export function absoluteMoments(blobs: MaskedValues[]): { mu: number; sigma: number } {
  let nonzero = 0
  let sum = 0
  let squares = 0
  for (const { values } of blobs) {
    for (const value of values) {
      if (value === 0) continue
      nonzero += 1
      sum += Math.abs(value)
      squares += value * value
    }
  }
  if (nonzero === 0) return { mu: 0, sigma: 0 }
  const mu = sum / nonzero
  return { mu, sigma: Math.sqrt(Math.max(0, squares / nonzero - mu * mu)) }
}

export function keptCount({ values, mask }: MaskedValues): number {
  if (mask === undefined) return values.length
  return mask.reduce((total, element) => total + (element === 0 ? 0 : 1), 0)
}

/** The mask after pruning with the threshold once, on top of the one there is. */
export function maskAt(threshold: number, values: Float32Array, mask?: Float32Array): Float32Array {
  const limit = PRUNED_BELOW * threshold
  return values.map((value, index) =>
    (mask !== undefined && mask[index] === 0) || Math.abs(value) <= limit ? 0 : 1,
  )
}

export function histogram(blobs: MaskedValues[]): WeightHistogram {
  let limit = 0
  for (const { values } of blobs) for (const value of values) limit = Math.max(limit, Math.abs(value))
  // A layer of zeros still has an axis.
  if (limit === 0 || !Number.isFinite(limit)) limit = 1
  const counts = new Uint32Array(HISTOGRAM_BINS)
  const kept = new Uint32Array(HISTOGRAM_BINS)
  for (const { values, mask } of blobs) {
    values.forEach((value, index) => {
      const bin = Math.floor(((value + limit) / (2 * limit)) * HISTOGRAM_BINS)
      const place = Math.min(HISTOGRAM_BINS - 1, Math.max(0, bin))
      counts[place] += 1
      if (mask === undefined || mask[index] !== 0) kept[place] += 1
    })
  }
  return { limit, counts, kept }
}

/** How a layer's weights lie: output, input, place in the kernel; `transposed`: an inner product's (inputs, outputs). */
export interface WeightLayout {
  rows: number
  columns: number
  tile: [number, number]
  transposed: boolean
}

/** Of the weights of a convolution (O, I / group, kernel...) or an inner product (O, I) or, transposed, (I, O). */
export function layoutOf(shape: Shape, transposed: boolean): WeightLayout {
  const [rows = 1, columns = 1, ...kernel] = shape
  if (transposed) return { rows: columns, columns: rows, tile: [1, 1], transposed }
  const across = kernel.at(-1) ?? 1
  const down = kernel.slice(0, -1).reduce((product, dim) => product * dim, 1)
  return { rows, columns, tile: [down, across], transposed }
}

export function maskPicture(layout: WeightLayout, mask: Float32Array | undefined): MaskPicture {
  const { rows, columns, tile } = layout
  const weights = rows * columns * tile[0] * tile[1]
  return weights <= MOST_BITS ? asBits(layout, weights, mask) : asBlocks(layout, mask)
}

function asBits({ rows, columns, tile, transposed }: WeightLayout, weights: number, mask?: Float32Array) {
  const cells = new Uint8Array(Math.ceil(weights / 8))
  for (let place = 0; place < weights; place++) {
    const source = transposed ? (place % columns) * rows + Math.floor(place / columns) : place
    if (mask === undefined || mask[source] !== 0) cells[place >> 3] |= 0x80 >> (place & 7)
  }
  return { rows, columns, tile, kind: 'weights', block: [1, 1], cells } satisfies MaskPicture
}

function asBlocks({ rows, columns, tile, transposed }: WeightLayout, mask?: Float32Array): MaskPicture {
  const block: [number, number] = [Math.ceil(rows / MOST_CELLS), Math.ceil(columns / MOST_CELLS)]
  const down = Math.ceil(rows / block[0])
  const across = Math.ceil(columns / block[1])
  const kernel = tile[0] * tile[1]
  const kept = new Float64Array(down * across)
  const size = new Float64Array(down * across)
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const cell = Math.floor(row / block[0]) * across + Math.floor(column / block[1])
      const start = (transposed ? column * rows + row : row * columns + column) * kernel
      size[cell] += kernel
      for (let i = start; i < start + kernel; i++) if (mask === undefined || mask[i] !== 0) kept[cell] += 1
    }
  }
  // What is kept at all must not vanish in the rounding.
  const cells = Uint8Array.from(kept, (count, cell) => Math.ceil((255 * count) / size[cell]))
  return { rows, columns, tile, kind: 'blocks', block, cells }
}
