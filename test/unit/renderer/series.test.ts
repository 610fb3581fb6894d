import { describe, expect, it } from 'vitest'

import { GrowingColumn } from '../../../renderer/series/GrowingColumn'
import { RunSeries } from '../../../renderer/series/RunSeries'
import { Speed } from '../../../renderer/series/Speed'
import { Smoothed } from '../../../renderer/series/Smoothed'
import { SearchCloud } from '../../../renderer/series/SearchCloud'
import { thin, within } from '../../../renderer/series/thin'

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

const columnOf = (...values: number[]): GrowingColumn => {
  const column = new GrowingColumn()
  column.append(Float64Array.from(values))
  return column
}

describe('within', () => {
  const x = Float64Array.from({ length: 100 }, (_, index) => index * 10)

  it('takes the part between two iterations and one point beyond on either side', () => {
    const part = within({ x, y: x }, 200, 220)
    expect([...part.x]).toEqual([190, 200, 210, 220, 230])
    expect([...within({ x, y: x }, -5, 10).x]).toEqual([0, 10, 20])
    expect([...within({ x, y: x }, 985, 2000).x]).toEqual([980, 990])
  })
})

describe('Smoothed', () => {
  it('starts at the first value, without a pull towards zero', () => {
    const smoothed = new Smoothed().of(columnOf(4, 4, 4), 0.9)
    expect([...smoothed].map((value) => Number(value.toFixed(9)))).toEqual([4, 4, 4])
  })

  it('weighs as the moving average does', () => {
    expect(new Smoothed().of(columnOf(0, 1), 0.5)[1]).toBeCloseTo(0.5 / 0.75)
  })

  it('passes over values that are not numbers', () => {
    const [first, second, third] = new Smoothed().of(columnOf(NaN, 2, NaN), 0.5)
    expect(first).toBeNaN()
    expect([second, third]).toEqual([2, 2])
  })

  it('grows with its column to what it would be computed at once, and begins anew with another weight', () => {
    const column = columnOf(3, 1, 4)
    const smoothed = new Smoothed()
    smoothed.of(column, 0.6)
    column.append(Float64Array.of(1, 5, 9))
    expect([...smoothed.of(column, 0.6)]).toEqual([...new Smoothed().of(column, 0.6)])
    expect([...smoothed.of(column, 0.9)]).toEqual([...new Smoothed().of(column, 0.9)])
    expect(smoothed.of(column, 0)).toEqual(column.view())
  })
})

describe('SearchCloud', () => {
  const record = (iteration: number, generation: number, bestKept: number) => ({
    iteration,
    generation,
    kept: [0.5, 0.2],
    accuracy: [0.9, 0.8],
    feasible: [true, false],
    bestKept,
  })

  it('gathers the generations of one search, once each, and begins anew with the next', () => {
    const cloud = new SearchCloud()
    cloud.add([record(1, 1, 1), record(1, 2, 0.5)])
    cloud.add([record(1, 2, 0.5)])
    expect([cloud.points.length, cloud.newest, cloud.generation, cloud.bestKept]).toEqual([4, 2, 2, 0.5])
    cloud.add([record(1001, 1, 0.4)])
    expect([cloud.points.length, cloud.iteration, cloud.bestKept]).toEqual([2, 1001, 0.4])
  })

  it('holds no more than a screen can show, however long a search is', () => {
    const cloud = new SearchCloud()
    for (let g = 1; g <= 30_000; g++) cloud.add([record(1, g, 0.5)])
    expect(cloud.points.length).toBeLessThanOrEqual(20_000)
  })
})

describe('memory over a long run', () => {
  it('stays within what 100,000 iterations need: 5 columns of 8 bytes, at most doubled', () => {
    const series = new RunSeries()
    for (let first = 0; first < 100_000; first += 1000) {
      const iterations = Array.from({ length: 1000 }, (_, i) => first + i)
      series.addIterations(
        iterations.map((iteration) => ({ iteration, loss: 1, accuracy: 1, learningRate: 1, compression: 1 })),
      )
      series.addDensities([{ iteration: first, kept: [1, 0.5, 0.25] }])
    }
    expect(series.iterations.loss.length).toBe(100_000)
    expect(series.densities.kept[2].last).toBe(0.25)
    expect(series.bytes).toBeLessThan(2 * 5 * 8 * 100_000 + 200_000)
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
