import { describe, expect, it } from 'vitest'
import { AsPublishedNcs } from '../../../main/olmp/asPublishedNcs'
import { Mt19937 } from '../../../main/olmp/mt19937'
import { Ncs } from '../../../main/olmp/ncs'
import { bhattacharyya, type PopulationSearch } from '../../../main/olmp/populationSearch'

const sphere = (x: number[]): number => x.reduce((sum, v) => sum + (v - 3) ** 2, 0)

function search(seed: number, start: number[], fitness: (x: number[]) => number, population = 10): Ncs {
  return new Ncs({
    start: Array.from({ length: population }, () => start),
    startFitness: Array.from({ length: population }, () => fitness(start)),
    startEvaluations: 1,
    lower: 0,
    upper: 10,
    stepSize: 1,
    maxEvaluations: 1600,
    epoch: population,
    random: new Mt19937([seed]),
  })
}

function minimise(ncs: PopulationSearch, fitness: (x: number[]) => number): number {
  let generations = 0
  while (ncs.stop() === null) {
    const candidates = ncs.ask()
    ncs.tell(candidates, candidates.map(fitness))
    generations++
  }
  return generations
}

describe('limits', () => {
  // As in a search for rates: a share of parameters, or 1.1 where the accuracy would be too low.
  const size = (x: number[]): number => x.reduce((sum, v) => sum + 10 - v, 0) / (10 * x.length)
  const accurate = (x: number[]): boolean => x.every((v, k) => v < 4 + k) && Math.sin(7 * x[0]) > -0.8
  const share = (x: number[]): number => (accurate(x) ? size(x) : 1.1)
  const start = [1, 1, 1]
  const options = (seed: number) => ({
    start: Array.from({ length: 10 }, () => start),
    startFitness: Array.from({ length: 10 }, () => share(start)),
    lower: 0,
    upper: 10,
    stepSize: 1.5,
    maxEvaluations: 1600,
    random: new Mt19937([seed]),
  })
  const kinds: [string, (seed: number) => PopulationSearch][] = [
    ['NCS', (seed) => new Ncs({ ...options(seed), startEvaluations: 1, epoch: 10 })],
    ['the published search', (seed) => new AsPublishedNcs(options(seed))],
  ]

  it.each(kinds)('of %s: what is beyond them need not be known', (_, make) => {
    let left = 0
    for (const seed of [1, 2, 3, 4]) {
      const whole = make(seed)
      const saving = make(seed)
      while (whole.stop() === null) {
        const candidates = whole.ask()
        expect(saving.ask()).toEqual(candidates)
        const limits = saving.limits(candidates)
        const fitness = candidates.map((x, i) => (size(x) < limits[i] ? share(x) : 1.1))
        left += candidates.filter((x, i) => size(x) >= limits[i]).length
        whole.tell(candidates, candidates.map(share))
        saving.tell(candidates, fitness)
        expect(saving.state()).toEqual(whole.state())
      }
    }
    expect(left).toBeGreaterThan(1000)
  })
})

describe('Ncs', () => {
  it('approaches the minimum of a sphere and stops with the reason', () => {
    const ncs = search(1, [9, 9, 9], sphere)
    expect(minimise(ncs, sphere)).toBe(160)
    expect(ncs.stop()).toEqual({ reason: 'maxEvaluations', value: 1600 })
    expect(ncs.best.fitness).toBeLessThan(0.1)
  })

  it('moves its parents, where the search as published never does', () => {
    const start = {
      start: [[9], [9]],
      startFitness: [36, 36],
      lower: 0,
      upper: 10,
      stepSize: 1,
      maxEvaluations: 200,
    }
    const corrected = new Ncs({ ...start, startEvaluations: 1, epoch: 2, random: new Mt19937([1]) })
    const published = new AsPublishedNcs({ ...start, random: new Mt19937([1]) })
    minimise(corrected, sphere)
    minimise(published, sphere)
    expect(corrected.state().fitness.every((f) => f < 36)).toBe(true)
    expect(published.state().parents).toEqual([[9], [9]])
    expect(published.best.fitness).toBeLessThan(36)
  })

  it('reflects at a bound, then clips, and stays inside', () => {
    const wide = new Ncs({
      start: Array.from({ length: 50 }, () => [0.1]),
      startFitness: Array.from({ length: 50 }, () => 1),
      startEvaluations: 1,
      lower: 0,
      upper: 1,
      stepSize: 2,
      maxEvaluations: 100,
      epoch: 10,
      random: new Mt19937([3]),
    })
    const twin = new Mt19937([3])
    const expected = Array.from({ length: 50 }, () => {
      const x = 0.1 + 2 * twin.randn()
      if (x < 0) return [Math.min(-x, 1)]
      return x > 1 ? [Math.max(2 - x, 0)] : [x]
    })
    const candidates = wide.ask()
    expect(candidates).toEqual(expected)
    expect(candidates.some(([x]) => x === 1)).toBe(true)
    expect(candidates.some(([x]) => x > 0 && x < 1)).toBe(true)
  })

  it('refuses an offspring worse than its parent that is no farther from the others', () => {
    // parents far apart; the offspring of parent 0 lies towards parent 1 and is worse
    const ncs = new Ncs({
      start: [[2], [8]],
      startFitness: [1, 0],
      startEvaluations: 2,
      lower: 0,
      upper: 10,
      stepSize: 1,
      maxEvaluations: 1e9,
      epoch: 1000,
      random: new Mt19937([5]),
    })
    ncs.tell([[7.9], [9.5]], [5, 4])
    expect(ncs.state().parents).toEqual([[2], [8]])
    // better and farther: taken
    ncs.tell([[0.5], [9.5]], [0.001, 4])
    expect(ncs.state().parents[0]).toEqual([0.5])
  })

  it('takes one half for 0/0, so that a plateau neither stops the search nor gives NaN', () => {
    const ncs = search(2, [5, 5], () => 1.1)
    minimise(ncs, () => 1.1)
    const state = ncs.state()
    expect(state.parents.some((row) => row[0] !== 5)).toBe(true)
    expect(state.parents.flat().concat(state.sigma.flat()).every(Number.isFinite)).toBe(true)
  })

  it('changes step sizes by the 1/5 success rule at the end of an epoch', () => {
    const ncs = new Ncs({
      start: [[2], [8]],
      startFitness: [1, 1],
      startEvaluations: 2,
      lower: 0,
      upper: 10,
      stepSize: 1,
      maxEvaluations: 1e9,
      epoch: 2,
      random: new Mt19937([5]),
    })
    ncs.tell([[1], [8]], [0.5, 50])
    expect(ncs.state().sigma).toEqual([[1], [1]])
    ncs.tell([[0.5], [8]], [0.2, 50])
    expect(ncs.state().sigma).toEqual([[1 / 0.99], [0.99]])
    expect(ncs.state().successes).toEqual([0, 0])
  })

  it('continues bit for bit from a state that went through JSON', () => {
    const whole = search(11, [9, 1], sphere)
    minimise(whole, sphere)
    const first = search(11, [9, 1], sphere)
    for (let g = 0; g < 37; g++) {
      const candidates = first.ask()
      first.tell(candidates, candidates.map(sphere))
    }
    const second = search(99, [0, 0], sphere)
    second.restore(JSON.parse(JSON.stringify(first.state())))
    minimise(second, sphere)
    expect(second.state()).toEqual(whole.state())
  })

  it('works with a population of one', () => {
    const ncs = search(4, [9], sphere, 1)
    minimise(ncs, sphere)
    expect(ncs.best.fitness).toBeLessThan(0.01)
  })

  it('starts uniformly in the bounds', () => {
    const rows = Ncs.uniformStart(200, 3, [-2, 4], new Mt19937([1]))
    const values = rows.flat()
    expect(rows.length).toBe(200)
    expect(Math.min(...values)).toBeGreaterThanOrEqual(-2)
    expect(Math.max(...values)).toBeLessThan(4)
    expect(values.reduce((a, b) => a + b) / values.length).toBeCloseTo(1, 0)
  })
})

describe('AsPublishedNcs', () => {
  it('puts an outlying coordinate 0.0001 inside the bound', () => {
    const published = new AsPublishedNcs({
      start: Array.from({ length: 40 }, () => [5]),
      startFitness: Array.from({ length: 40 }, () => 1),
      lower: 0,
      upper: 10,
      stepSize: 50,
      maxEvaluations: 100,
      random: new Mt19937([1]),
    })
    const values = new Set(published.ask().flat())
    expect(values.has(0.0001)).toBe(true)
    expect(values.has(9.9999)).toBe(true)
  })

  it('ends above the limit, its start counted as a population: 160 generations of 10, 200 of 8', () => {
    const run = (population: number): number => {
      const published = new AsPublishedNcs({
        start: Array.from({ length: population }, () => [1]),
        startFitness: Array.from({ length: population }, () => 1),
        lower: 0,
        upper: 10,
        stepSize: 5,
        maxEvaluations: 1600,
        random: new Mt19937([1]),
      })
      return minimise(published, () => 1)
    }
    expect([run(10), run(8)]).toEqual([160, 200])
  })

  it('draws one lambda per parent after each generation', () => {
    const random = new Mt19937([1])
    const published = new AsPublishedNcs({
      start: [[1], [1], [1]],
      startFitness: [1, 1, 1],
      lower: 0,
      upper: 10,
      stepSize: 5,
      maxEvaluations: 1600,
      random,
    })
    published.tell(published.ask(), [1, 1, 1])
    const twin = new Mt19937([1])
    for (let i = 0; i < 6; i++) twin.randn()
    expect(random.state()).toEqual(twin.state())
  })
})

describe('bhattacharyya', () => {
  it('is zero for equal distributions and known for two in one dimension', () => {
    expect(bhattacharyya([1, 2], [3, 4], [1, 2], [3, 4])).toBeCloseTo(0, 15)
    // (1 - 3)^2 / 2.5 / 8 + ln(2.5 / 2) / 2
    expect(bhattacharyya([1], [1], [3], [2])).toBeCloseTo(0.2 + Math.log(1.25) / 2, 14)
  })
})
