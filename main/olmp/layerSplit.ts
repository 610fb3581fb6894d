// How many parameters each layer keeps when so many are kept in all, searched by NCS on the loss of a fixed sample: the
// thresholds of OLMP (Li et al., IJCAI 2018) as the numbers that lie above them, with a smooth objective and a fixed
// total. A candidate is one multiplier per layer, as its logarithm, on the spread it starts from.

import { Ncs } from './ncs'
import type { Mt19937 } from './mt19937'
import type { CycleSettings } from './cycleSettings'

/** As many as x asks for, no layer more than it has: counts[l] = min(available[l], start[l] e^(x[l] + c)), with c such
 *  that they add up to `total` or, by rounding, a few less. */
export function spread(start: number[], available: number[], x: number[], total: number): number[] {
  const counts = (offset: number): number[] =>
    start.map((count, layer) => Math.min(available[layer], Math.floor(count * Math.exp(x[layer] + offset))))
  const sum = (values: number[]): number => values.reduce((left, right) => left + right, 0)
  let low = -20
  let high = 20
  for (let step = 0; step < 60; step++) {
    const middle = (low + high) / 2
    if (sum(counts(middle)) > total) high = middle
    else low = middle
  }
  return counts(low)
}

export interface SplitFound {
  counts: number[]
  /** On the sample: of the spread it started from, and of the one found. */
  startLoss: number
  loss: number
}

/** `measure` answers the loss of each row of counts. */
export async function searchSplit(
  start: number[],
  available: number[],
  total: number,
  search: CycleSettings['search'],
  random: Mt19937,
  measure: (rows: number[][]) => Promise<number[]>,
): Promise<SplitFound> {
  const origin = start.map(() => 0)
  const place = (x: number[]): number[] => spread(start, available, x, total)
  const [startLoss] = await measure([place(origin)])
  const ncs = new Ncs({
    start: Array.from({ length: search.population }, () => [...origin]),
    startFitness: Array.from({ length: search.population }, () => startLoss),
    lower: -search.bound,
    upper: search.bound,
    stepSize: search.stepSize,
    maxEvaluations: search.evaluations,
    startEvaluations: 1,
    epoch: search.population,
    random,
  })
  while (ncs.stop() === null) {
    const candidates = ncs.ask()
    ncs.tell(candidates, await measure(candidates.map(place)))
  }
  return { counts: place(ncs.best.x), startLoss, loss: ncs.best.fitness }
}
