// The candidates of the search under way, or of the last: what its plane shows. A new search begins anew.

import type { SearchRecord } from '../../preload/contract'

/** Of one search; the published ones have 1600. */
const mostPoints = 20_000

export interface SearchPoint {
  kept: number
  accuracy: number
  feasible: boolean
}

export class SearchCloud {
  points: SearchPoint[] = []
  /** The last so many of the points are the newest generation. */
  newest = 0
  iteration: number | null = null
  generation = 0
  /** Fraction of parameters kept by the best feasible candidate; null before there is one. */
  bestKept: number | null = null
  /** Counts what was added. */
  version = 0

  add(records: SearchRecord[]): void {
    for (const { iteration, generation, kept, accuracy, feasible, bestKept } of records) {
      if (iteration !== this.iteration) {
        this.points = []
        this.bestKept = null
        this.generation = 0
        this.iteration = iteration
      }
      if (generation <= this.generation) continue
      this.generation = generation
      for (const [i, value] of kept.entries()) {
        this.points.push({ kept: value, accuracy: accuracy[i] ?? NaN, feasible: feasible[i] })
      }
      this.newest = kept.length
      // 1 stands for none as well: nothing pruned is always allowed
      this.bestKept = bestKept
    }
    // half at a time, so that a long search does not pay for every generation
    if (this.points.length > mostPoints) this.points = this.points.slice(-mostPoints / 2)
    this.version++
  }
}
