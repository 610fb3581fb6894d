// Negatively Correlated Search (Tang, Yang, Yao, "Negatively Correlated Search as a Parallel Exploration Search
// Strategy", IEEE JSAC 34(3), 2016): a population of Gaussian searches, each kept away from the others by the
// Bhattacharyya distance of its distribution to theirs. Minimises; ask() for candidates, tell() their fitness.

import { LAMBDA_DEVIATION, PopulationSearch, type SearchOptions, type StopReason } from './populationSearch'
import type { Mt19937 } from './mt19937'

export interface NcsOptions extends SearchOptions {
  /** Evaluations the start has cost; one where all parents start at one point. */
  startEvaluations: number
  /** Generations between two adaptations of the step sizes. */
  epoch: number
}

/** a / (a + b), and one half for 0/0: neither is better. */
function share(a: number, b: number): number {
  return a + b === 0 ? 0.5 : a / (a + b)
}

export class Ncs extends PopulationSearch {
  constructor(options: NcsOptions) {
    super(options, options.startEvaluations, options.epoch)
  }

  /** Start points uniform in the bounds, as in the paper; inside OLMP all parents start at the current rates. */
  static uniformStart(
    population: number,
    dimensions: number,
    bounds: [lower: number, upper: number],
    random: Mt19937,
  ): number[][] {
    const [lower, upper] = bounds
    return Array.from({ length: population }, () =>
      Array.from({ length: dimensions }, () => lower + (upper - lower) * random.rand()),
    )
  }

  stop(): StopReason | null {
    const { maxEvaluations } = this.options
    return this.evaluations >= maxEvaluations ? { reason: 'maxEvaluations', value: maxEvaluations } : null
  }

  /** Reflected at the bound it passed, then clipped to the other. */
  protected intoBounds(x: number): number {
    const { lower, upper } = this.options
    if (x < lower) return Math.min(2 * lower - x, upper)
    if (x > upper) return Math.max(2 * upper - x, lower)
    return x
  }

  /** lambda_t ~ N(1, 0.1 - 0.1 g / g_max), g the generations completed before this one. */
  protected drawLambda(): number {
    const lastGeneration = this.options.maxEvaluations / this.parents.length
    const deviation = LAMBDA_DEVIATION * Math.max(0, 1 - this.generation / lastGeneration)
    return 1 + deviation * this.random.randn()
  }

  /** With best b, parent's fitness f and threshold T = lambda Corr, an offspring f' >= b is accepted where
   *  (f' - b) / (f' - b + f - b) < T, that is f' < k f + (1 - k) b with k = T / (1 - T), and always where T >= 1. Where k <= 1
   *  that is largest for the present best; else for the smallest that may come, which is not below zero. */
  limits(candidates: number[][]): number[] {
    const lambda = this.lambdas()
    const best = this.best.fitness
    return candidates.map((x, i) => {
      const threshold = lambda[i] * this.relativeDistance(i, x)
      if (threshold >= 1) return Infinity
      const k = Math.max(0, threshold / (1 - threshold))
      const parent = this.fitness[i]
      return Math.max(best, k <= 1 ? k * parent + (1 - k) * best : k * parent)
    })
  }

  /** f / Corr < lambda with both normalised over the pair of offspring and parent, free of a division by zero. */
  protected accepts(i: number, x: number[], fitness: number, lambda: number): boolean {
    const best = this.best.fitness
    const relativeFitness = share(fitness - best, this.fitness[i] - best)
    return relativeFitness < lambda * this.relativeDistance(i, x)
  }

  private relativeDistance(i: number, x: number[]): number {
    if (this.parents.length === 1) return 0.5
    return share(this.distanceToOthers(i, x), this.distanceToOthers(i, this.parents[i]))
  }
}
