// A picture of a layer's mask as an image: one value per pixel, 0..255 of its weights kept, with gaps between kernels.

import type { MaskPicture } from '../../../preload/contract'

export interface Raster {
  width: number
  height: number
  /** 0..255; -1 for a gap between kernels. */
  values: Int16Array
}

export function rasterOf({ rows, columns, tile, kind, block, cells }: MaskPicture): Raster {
  if (kind === 'blocks') {
    const [height, width] = [Math.ceil(rows / block[0]), Math.ceil(columns / block[1])]
    return { width, height, values: Int16Array.from(cells) }
  }
  const [down, across] = tile
  const gap = down * across > 1 ? 1 : 0
  const width = columns * (across + gap) - gap
  const height = rows * (down + gap) - gap
  const values = new Int16Array(width * height).fill(-1)
  let place = 0
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      for (let i = 0; i < down; i++) {
        const start = (row * (down + gap) + i) * width + column * (across + gap)
        for (let j = 0; j < across; j++, place++) {
          values[start + j] = cells[place >> 3] & (0x80 >> (place & 7)) ? 255 : 0
        }
      }
    }
  }
  return { width, height, values }
}

/** Smaller by a whole factor: a pixel is the mean of what it covers, and what is kept at all stays visible. */
export function shrink({ width, height, values }: Raster, factor: number): Raster {
  const [across, down] = [Math.ceil(width / factor), Math.ceil(height / factor)]
  const sums = new Float64Array(across * down)
  const sizes = new Float64Array(across * down)
  values.forEach((value, place) => {
    if (value < 0) return
    const x = Math.floor((place % width) / factor)
    const cell = Math.floor(Math.floor(place / width) / factor) * across + x
    sums[cell] += value
    sizes[cell] += 1
  })
  const shrunk = Int16Array.from(sums, (sum, cell) => (sizes[cell] === 0 ? -1 : Math.ceil(sum / sizes[cell])))
  return { width: across, height: down, values: shrunk }
}
