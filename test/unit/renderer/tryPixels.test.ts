// Pixels on their way from a canvas into a net, and back.

import { describe, expect, it } from 'vitest'

import { likeMnist, toInput, toRgba } from '../../../renderer/components/try/pixels'

describe('toInput', () => {
  const red = new Uint8ClampedArray([255, 0, 0, 255, 0, 0, 255, 255])

  it('gives colour as BGR, channel by channel', () => {
    expect([...toInput(red, [3, 1, 2])]).toEqual([0, 255, 0, 0, 255, 0])
  })

  it('makes colour grey by OpenCV’s weights', () => {
    expect([...toInput(red, [1, 1, 2])]).toEqual([76, 29])
  })

  it('sees what is transparent on black', () => {
    expect([...toInput(new Uint8ClampedArray([200, 200, 200, 0]), [1, 1, 1])]).toEqual([0])
  })
})

describe('toRgba', () => {
  it('is the way back', () => {
    const pixels = new Uint8ClampedArray([10, 20, 30, 255])
    expect([...toRgba(toInput(pixels, [3, 1, 1]), [3, 1, 1])]).toEqual([10, 20, 30, 255])
  })

  it('spreads any range from black to white', () => {
    const shown = toRgba(Float32Array.of(-2, 0, 2), [1, 1, 3], -2, 2)
    expect([shown[0], shown[4], shown[8]]).toEqual([0, 128, 255])
  })
})

describe('likeMnist', () => {
  const size = 280
  const drawing = (inside: (x: number, y: number) => boolean) =>
    Float32Array.from({ length: size * size }, (_, i) => (inside(i % size, Math.floor(i / size)) ? 255 : 0))

  it('scales to 20 pixels and centres by mass, wherever and however small it was drawn', () => {
    const small = likeMnist(
      drawing((x, y) => x >= 10 && x < 20 && y >= 200 && y < 260),
      size,
    )
    const rows = Array.from({ length: 28 }, (_, y) => small.subarray(28 * y, 28 * (y + 1)))
    const filled = rows.flatMap((row, y) => (Math.max(...row) > 127 ? [y] : []))
    expect(filled.length).toBeGreaterThanOrEqual(19)
    expect(filled.length).toBeLessThanOrEqual(21)
    const sum = small.reduce((total, value) => total + value, 0)
    const massX = small.reduce((total, value, i) => total + value * (i % 28), 0) / sum
    const massY = small.reduce((total, value, i) => total + value * Math.floor(i / 28), 0) / sum
    expect(massX).toBeCloseTo(13.5, 0)
    expect(massY).toBeCloseTo(13.5, 0)
  })

  it('leaves an empty drawing empty', () => {
    expect(
      Math.max(
        ...likeMnist(
          drawing(() => false),
          size,
        ),
      ),
    ).toBe(0)
  })
})
