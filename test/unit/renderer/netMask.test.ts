import { describe, expect, it } from 'vitest'

import { layoutOf, maskPicture } from '../../../main/runs/weightPicture'
import { rasterOf, shrink } from '../../../renderer/components/net/maskRaster'

const rows = (values: Int16Array, width: number) =>
  Array.from({ length: values.length / width }, (_, row) => [...values.slice(row * width, (row + 1) * width)])

describe('the picture of a mask', () => {
  it('has outputs down and inputs across', () => {
    const { width, values } = rasterOf(
      maskPicture(layoutOf([2, 3], false), Float32Array.of(1, 0, 0, 0, 0, 1)),
    )
    expect(rows(values, width)).toEqual([
      [255, 0, 0],
      [0, 0, 255],
    ])
  })

  it('turns weights that are stored by input', () => {
    const { width, values } = rasterOf(maskPicture(layoutOf([3, 2], true), Float32Array.of(1, 0, 0, 0, 0, 1)))
    expect(rows(values, width)).toEqual([
      [255, 0, 0],
      [0, 0, 255],
    ])
  })

  it('sets kernels apart', () => {
    const mask = Float32Array.of(1, 1, 0, 0, 0, 0, 1, 1)
    const { width, values } = rasterOf(maskPicture(layoutOf([1, 2, 2, 2], false), mask))
    expect(rows(values, width)).toEqual([
      [255, 255, -1, 0, 0],
      [0, 0, -1, 255, 255],
    ])
  })

  it('is of blocks where there are too many weights, and shows a single one kept', () => {
    const mask = new Float32Array(1024 * 1024)
    mask[1024 * 1023 + 1022] = 1
    const picture = maskPicture(layoutOf([1024, 1024], false), mask)
    expect(picture).toMatchObject({ kind: 'blocks', block: [2, 2] })
    const { width, height, values } = rasterOf(picture)
    expect([width, height]).toEqual([512, 512])
    expect([values.at(-1), values.filter((value) => value > 0).length]).toEqual([64, 1])
  })

  it('shrinks by means, without losing a weight', () => {
    const raster = { width: 3, height: 2, values: Int16Array.of(255, 0, 0, 0, 0, 255) }
    const { width, values } = shrink(raster, 2)
    expect(rows(values, width)).toEqual([[64, 128]])
  })
})
