// The search of the OLMP authors' published experiments (their ncs.py), kept so that these can be repeated number by
// number. It departs from Negatively Correlated Search: an offspring replaces its parent only where its fitness is
// below zero. Fitness is a fraction of parameters, so this never happens inside OLMP, and the search is in effect
// Gaussian sampling around the start point with shrinking steps. ncs.ts is the method as the paper describes it.

import { LAMBDA_DEVIATION, PopulationSearch, type SearchOptions, type StopReason } from './populationSearch'

/** A coordinate out of bounds is put this far inside them. */
const CLAMP_MARGIN = 0.0001

export class AsPublishedNcs extends PopulationSearch {
  constructor(options: SearchOptions) {
    // The start counts as a whole population, though it was evaluated once; an epoch is as long as the population is
    // large.
    super(options, options.start.length, options.start.length)
  }

  /** They stop above the limit, not at it. */
  stop(): StopReason | null {
    const { maxEvaluations } = this.options
    return this.evaluations > maxEvaluations ? { reason: 'maxEvaluations', value: maxEvaluations } : null
  }

  protected intoBounds(x: number): number {
    const { lower, upper } = this.options
    if (x < lower) return lower + CLAMP_MARGIN
    if (x > upper) return upper - CLAMP_MARGIN
    return x
  }

  protected drawLambda(): number {
    const lastGeneration = this.options.maxEvaluations / this.parents.length
    const deviation = LAMBDA_DEVIATION - (LAMBDA_DEVIATION * this.generation) / lastGeneration
    return 1 + deviation * this.random.randn()
  }

  /** None replaces its parent as long as no fitness is below zero. */
  limits(candidates: number[][]): number[] {
    return candidates.map(() => this.best.fitness)
  }

  /** Where parent and offspring both equal the best, 0/0 is NaN as with them, and NaN refuses. */
  protected accepts(i: number, x: number[], fitness: number, lambda: number): boolean {
    if (!(fitness < 0)) return false
    const best = this.best.fitness
    const relativeFitness = (fitness - best) / (fitness - best + (this.fitness[i] - best))
    const distance = this.distanceToOthers(i, x)
    const relativeDistance = distance / (distance + this.distanceToOthers(i, this.parents[i]))
    return lambda * relativeDistance > relativeFitness
  }
}
