// The candidates of the authors' own search, number by number: golden traces of their ncs.py under NumPy.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { AsPublishedNcs } from '../../main/olmp/asPublishedNcs'
import { Mt19937 } from '../../main/olmp/mt19937'

interface Trace {
  seed: number
  layers: string[]
  bounds: [number, number]
  sigma: number
  best_crates: number[]
  best_fit: number
  evaluations: { x: number[]; fit: number }[]
}

const FOLDER = process.env.GOLDEN_NCS_DIR ?? join(import.meta.dirname, '../../../shared/golden/ncs')
const TRACES = ['ncs_trace_lenet300100_961449.json', 'ncs_trace_lenet5_981118.json']
const POPULATION = 10

describe.each(TRACES)('as-published search of %s', (name) => {
  const file = join(FOLDER, name)
  const present = existsSync(file)
  if (!present) console.log(`SKIPPED: no ../shared (${name})`)

  it.skipIf(!present)('asks for the same 1600 candidates and ends at the same best', () => {
    const trace: Trace = JSON.parse(readFileSync(file, 'utf8'))
    const random = new Mt19937([trace.seed])
    trace.layers.forEach(() => random.rand()) // the draw of the layers at iteration 0
    const [start, ...rest] = trace.evaluations
    const search = new AsPublishedNcs({
      start: Array.from({ length: POPULATION }, () => start.x),
      startFitness: Array.from({ length: POPULATION }, () => start.fit),
      lower: trace.bounds[0],
      upper: trace.bounds[1],
      stepSize: trace.sigma,
      maxEvaluations: 1600,
      random,
    })
    let asked = 0
    const inexact: [asked: number, golden: number][] = []
    while (search.stop() === null) {
      const expected = rest.slice(asked, asked + POPULATION)
      const candidates = search.ask()
      expected.forEach(({ x }, i) => {
        x.forEach((value, k) => {
          if (candidates[i][k] !== value) inexact.push([candidates[i][k], value])
        })
      })
      search.tell(
        candidates,
        expected.map((evaluation) => evaluation.fit),
      )
      asked += POPULATION
    }
    expect(asked).toBe(rest.length)
    // The traces were made with a C library whose logarithm misrounds 1 of 1,000 arguments; ours is the nearest double.
    expect(inexact.length).toBeLessThanOrEqual(2)
    inexact.forEach(([ours, golden]) => expect(Math.abs(ours / golden - 1)).toBeLessThan(1e-15))
    expect(search.stop()).toEqual({ reason: 'maxEvaluations', value: 1600 })
    expect(search.best).toEqual({ x: trace.best_crates, fitness: trace.best_fit })
  })
})
