import { describe, expect, it } from 'vitest'

import { GrowingColumn } from '../../../renderer/series/GrowingColumn'
import { RunSeries } from '../../../renderer/series/RunSeries'
import { Speed } from '../../../renderer/series/Speed'
import { smooth, thin } from '../../../renderer/series/thin'

describe('GrowingColumn', () => {
  it('keeps every value as it grows', () => {
    const column = new GrowingColumn(2)
    for (let value = 0; value < 5; value++) column.push(value)
    column.append(Float64Array.of(5, 6, 7))
    expect([...column.view()]).toEqual([0, 1, 2, 3, 4, 5, 6, 7])
    expect(column.last).toBe(7)
    expect(new GrowingColumn().last).toBeNaN()
  })
})

describe('RunSeries', () => {
  const record = (iteration: number) => ({
    iteration,
    loss: 1,
    accuracy: 0.5,
    learningRate: 0.01,
    compression: 2,
  })

  it('passes over live records that the history had already', () => {
    const series = new RunSeries()
    series.addIterations([record(0), record(1)])
    series.addIterations([record(1), record(2)])
    expect([...series.iterations.iteration.view()]).toEqual([0, 1, 2])
  })
})

describe('thin', () => {
  const x = Float64Array.from({ length: 10_000 }, (_, index) => index)

  it('keeps a spike of one iteration, and the order', () => {
    const y = Float64Array.from(x, () => 1)
    y[4321] = 9
    const points = thin(x, y, 100)
    expect(points.x.length).toBeLessThanOrEqual(200)
    expect(points.x[points.y.indexOf(9)]).toBe(4321)
    expect([...points.x].every((value, index) => index === 0 || value > points.x[index - 1])).toBe(true)
  })

  it('returns a short series itself', () => {
    const short = Float64Array.of(1, 2, 3)
    expect(thin(short, short, 100).y).toBe(short)
  })

  it('is not blinded by values that are not numbers', () => {
    const y = Float64Array.from(x, (value) => (value % 2 === 0 ? NaN : value))
    expect([...thin(x, y, 50).y].every(Number.isFinite)).toBe(true)
  })
})

describe('smooth', () => {
  it('starts at the first value, without a pull towards zero', () => {
    expect([...smooth(Float64Array.of(4, 4, 4), 0.9)].map((value) => Number(value.toFixed(9)))).toEqual([
      4, 4, 4,
    ])
  })

  it('weighs as the moving average does', () => {
    const [, second] = smooth(Float64Array.of(0, 1), 0.5)
    expect(second).toBeCloseTo(0.5 / 0.75)
  })

  it('passes over values that are not numbers', () => {
    const [first, second, third] = smooth(Float64Array.of(NaN, 2, NaN), 0.5)
    expect(first).toBeNaN()
    expect([second, third]).toEqual([2, 2])
  })
})

describe('Speed', () => {
  it('says nothing before there is something to measure, then the rate', () => {
    const speed = new Speed()
    expect(speed.at(0, 0)).toBeNull()
    expect(speed.at(100, 20)).toBeNull()
    expect(speed.at(1000, 200)).toBe(200)
  })
})
