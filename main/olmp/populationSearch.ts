// What the two variants of NCS share: a population of Gaussian searches with their fitness, step sizes, success counts
// and the best point seen, ask and tell, the 1/5 success rule, and a state that goes to a checkpoint and back.

import type { Mt19937, RandomState } from './mt19937'

export interface SearchOptions {
  /** The parents' start points, one row each; their number is the population size. */
  start: number[][]
  /** Fitness of the start points, same order. */
  startFitness: number[]
  /** Bounds of every coordinate. */
  lower: number
  upper: number
  /** Initial standard deviation of every coordinate. */
  stepSize: number
  maxEvaluations: number
  random: Mt19937
}

export interface StopReason {
  reason: 'maxEvaluations'
  value: number
}

export interface Best {
  x: number[]
  fitness: number
}

/** Everything that decides a search's future; plain JSON. */
export interface SearchState {
  parents: number[][]
  fitness: number[]
  sigma: number[][]
  /** Replacements of each parent in this epoch. */
  successes: number[]
  generation: number
  evaluations: number
  best: Best
  random: RandomState
}

const STEP_FACTOR = 0.99 // r of the 1/5 success rule
export const LAMBDA_DEVIATION = 0.1

export abstract class PopulationSearch {
  protected readonly options: SearchOptions
  protected readonly random: Mt19937
  protected parents: number[][]
  protected fitness: number[]
  protected sigma: number[][]
  private successes: number[]
  protected evaluations: number
  private generations = 0
  private drawn: number[] | null = null
  private leader: Best

  /** `startEvaluations`: how many evaluations the start counts for; `epoch`: generations between two adaptations of
   *  the step sizes. */
  protected constructor(
    options: SearchOptions,
    startEvaluations: number,
    private readonly epoch: number,
  ) {
    this.options = options
    this.random = options.random
    this.parents = options.start.map((row) => [...row])
    this.fitness = [...options.startFitness]
    this.sigma = options.start.map((row) => row.map(() => options.stepSize))
    this.successes = options.start.map(() => 0)
    this.evaluations = startEvaluations
    const first = this.fitness.indexOf(Math.min(...this.fitness))
    this.leader = { x: [...this.parents[first]], fitness: this.fitness[first] }
  }

  get best(): Best {
    return { x: [...this.leader.x], fitness: this.leader.fitness }
  }

  get generation(): number {
    return this.generations
  }

  /** One offspring per parent, x' = x + sigma N(0, I), brought into the bounds. */
  ask(): number[][] {
    return this.parents.map((parent, i) =>
      parent.map((x, k) => this.intoBounds(x + this.sigma[i][k] * this.random.randn())),
    )
  }

  /** For each of the `candidates` asked for: the fitness from which on it neither becomes the best nor replaces its parent,
   *  whatever it is exactly and whatever the others have. */
  abstract limits(candidates: number[][]): number[]

  /** `candidates` as asked for, in the same order, and their fitness; any number beyond its limit stands for one that was
   *  not measured. */
  tell(candidates: number[][], fitness: number[]): void {
    const lambda = this.lambdas()
    this.generations += 1
    this.evaluations += candidates.length
    candidates.forEach((x, i) => {
      if (fitness[i] < this.leader.fitness) this.leader = { x: [...x], fitness: fitness[i] }
    })
    // Decided for all before any parent is replaced: distances are to this generation's parents.
    this.drawn = null
    const accepted = candidates.map((x, i) => this.accepts(i, x, fitness[i], lambda[i]))
    accepted.forEach((yes, i) => {
      if (!yes) return
      this.parents[i] = [...candidates[i]]
      this.fitness[i] = fitness[i]
      this.successes[i] += 1
    })
    if (this.generations % this.epoch === 0) this.adaptStepSizes()
  }

  /** The generation's lambdas, drawn once, after its candidates. */
  protected lambdas(): number[] {
    this.drawn ??= this.parents.map(() => this.drawLambda())
    return this.drawn
  }

  abstract stop(): StopReason | null

  state(): SearchState {
    return {
      parents: this.parents.map((row) => [...row]),
      fitness: [...this.fitness],
      sigma: this.sigma.map((row) => [...row]),
      successes: [...this.successes],
      generation: this.generations,
      evaluations: this.evaluations,
      best: this.best,
      random: this.random.state(),
    }
  }

  /** Continues the search that gave `state`; the generator given to the constructor is set to the state's. */
  restore(state: SearchState): void {
    this.parents = state.parents.map((row) => [...row])
    this.fitness = [...state.fitness]
    this.sigma = state.sigma.map((row) => [...row])
    this.successes = [...state.successes]
    this.generations = state.generation
    this.evaluations = state.evaluations
    this.leader = { x: [...state.best.x], fitness: state.best.fitness }
    this.random.setState(state.random)
  }

  protected abstract intoBounds(x: number): number
  protected abstract drawLambda(): number
  protected abstract accepts(i: number, x: number[], fitness: number, lambda: number): boolean

  /** Smallest distance of the search at x with parent i's step sizes to any other parent's; Infinity without others. */
  protected distanceToOthers(i: number, x: number[]): number {
    let nearest = Infinity
    for (let j = 0; j < this.parents.length; j++) {
      if (j === i) continue
      nearest = Math.min(nearest, bhattacharyya(x, this.sigma[i], this.parents[j], this.sigma[j]))
    }
    return nearest
  }

  private adaptStepSizes(): void {
    this.successes.forEach((count, i) => {
      const rate = count / this.epoch
      if (rate > 0.2) this.sigma[i] = this.sigma[i].map((s) => s / STEP_FACTOR)
      else if (rate < 0.2) this.sigma[i] = this.sigma[i].map((s) => s * STEP_FACTOR)
    })
    this.successes = this.successes.map(() => 0)
  }
}

/** Bhattacharyya distance of two Gaussians with diagonal covariances, from their means and standard deviations. */
export function bhattacharyya(x: number[], sigmaX: number[], y: number[], sigmaY: number[]): number {
  let distance = 0
  for (let k = 0; k < x.length; k++) {
    const varianceX = sigmaX[k] ** 2
    const varianceY = sigmaY[k] ** 2
    const mean = (varianceX + varianceY) / 2
    distance += (x[k] - y[k]) ** 2 / mean / 8 + Math.log(mean / Math.sqrt(varianceX * varianceY)) / 2
  }
  return distance
}
