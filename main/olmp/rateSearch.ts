// One search for the rates of the layers drawn: NCS over Session.evaluateRates.

import type { RateEvaluations, Session } from '../engine/binding'
import type { SearchRecord } from '../runs/types'
import { AsPublishedNcs } from './asPublishedNcs'
import type { Mt19937 } from './mt19937'
import { Ncs } from './ncs'
import type { PopulationSearch, SearchState } from './populationSearch'
import { stepSizeAt, type OlmpSettings } from './settings'

/** Fitness of a candidate whose accuracy is too low: above any fraction of parameters kept. */
const INFEASIBLE = 1.1

/** A search in progress, as it goes to a checkpoint. */
export interface RateSearchState {
  /** Positions in Session.prunableLayers of the layers searched. */
  drawn: number[]
  /** Accuracy on the training batch that a candidate may fall below by delta. */
  reference: number
  search: SearchState
}

export interface RateSearchContext {
  session: Session
  settings: OlmpSettings
  /** Weights and biases of all prunable layers. */
  totalParameters: number
  /** Rates of all prunable layers at the start of the search. */
  rates: number[]
  /** Positions in Session.prunableLayers of the layers the loop prunes. */
  pruned: number[]
}

interface Measured {
  fitness: number[]
  kept: number[]
  accuracy: number[]
  feasible: boolean[]
}

export class RateSearch {
  private constructor(
    private readonly context: RateSearchContext,
    private readonly drawn: number[],
    private readonly reference: number,
    private readonly search: PopulationSearch,
  ) {}

  /** Measures the current rates, at which all parents start. */
  static async begin(
    context: RateSearchContext,
    iteration: number,
    drawn: number[],
    reference: number,
    random: Mt19937,
  ): Promise<RateSearch> {
    const start = drawn.map((layer) => context.rates[layer])
    const { fitness } = await measure(context, drawn, reference, [start])
    const search = population(context.settings, iteration, start, fitness[0], random)
    return new RateSearch(context, drawn, reference, search)
  }

  /** Continues the search at `iteration` whose state was saved; `random` is set to the state's generator. */
  static restore(
    context: RateSearchContext,
    iteration: number,
    state: RateSearchState,
    random: Mt19937,
  ): RateSearch {
    const start = state.drawn.map((layer) => context.rates[layer])
    const search = population(context.settings, iteration, start, INFEASIBLE, random)
    search.restore(state.search)
    return new RateSearch(context, state.drawn, state.reference, search)
  }

  get done(): boolean {
    return this.search.stop() !== null
  }

  get generation(): number {
    return this.search.generation
  }

  state(): RateSearchState {
    return { drawn: [...this.drawn], reference: this.reference, search: this.search.state() }
  }

  /** Asks for one generation, measures it and tells the search. `solverIteration` goes into the record. */
  async step(solverIteration: number): Promise<SearchRecord> {
    const candidates = this.search.ask()
    const { fitness, kept, accuracy, feasible } = await measure(
      this.context,
      this.drawn,
      this.reference,
      candidates,
      this.search.limits(candidates),
    )
    this.search.tell(candidates, fitness)
    return {
      iteration: solverIteration,
      generation: this.search.generation,
      kept,
      accuracy,
      feasible,
      bestKept: Math.min(1, this.search.best.fitness),
    }
  }

  /** Rates of all prunable layers after the search: the best found in place of the drawn layers'. Without a feasible
   *  candidate they stay (the published scripts take the best in any case, which is then the start). */
  result(): number[] {
    const rates = [...this.context.rates]
    const { x, fitness } = this.search.best
    if (fitness < INFEASIBLE || this.context.settings.searchMode === 'as-published') {
      this.drawn.forEach((layer, i) => {
        rates[layer] = x[i]
      })
    }
    return rates
  }
}

function population(
  settings: OlmpSettings,
  iteration: number,
  start: number[],
  startFitness: number,
  random: Mt19937,
): PopulationSearch {
  const options = {
    start: Array.from({ length: settings.population }, () => start),
    startFitness: Array.from({ length: settings.population }, () => startFitness),
    lower: settings.bounds.lower,
    upper: settings.bounds.upper,
    stepSize: stepSizeAt(settings, iteration),
    maxEvaluations: settings.evaluations,
    random,
  }
  return settings.searchMode === 'as-published'
    ? new AsPublishedNcs(options)
    : new Ncs({ ...options, startEvaluations: 1, epoch: settings.population })
}

/** For products of a fraction and a number of parameters: rounding must not make a bound tighter than it is. */
const ROUNDING = 1 + 1e-12

/** `limits`: the fitness from which on a candidate need not be measured. */
async function measure(
  context: RateSearchContext,
  drawn: number[],
  reference: number,
  candidates: number[][],
  limits?: number[],
): Promise<Measured> {
  const { session, settings, totalParameters } = context
  const mode = settings.searchMode === 'as-published' ? 'sequential' : 'independent'
  const leastAccuracy = reference - settings.delta
  const bounds = limits && {
    mostKept: Float64Array.from(limits, (limit) => limit * totalParameters * ROUNDING),
    leastAccuracy,
  }
  const evaluations = await session.evaluateRates(candidateRates(context, drawn, candidates), mode, bounds)
  return judge(evaluations, leastAccuracy, totalParameters)
}

/** Rows of all prunable layers' rates. Layers not drawn: as published, masked anew with their current rate; otherwise
 *  left as they are (NaN), which is what the search's result will do to them. */
function candidateRates(context: RateSearchContext, drawn: number[], candidates: number[][]): Float64Array {
  const { rates, settings, pruned } = context
  const rest = rates.map((rate, layer) =>
    settings.searchMode === 'as-published' && pruned.includes(layer) ? rate : Number.NaN,
  )
  const rows = new Float64Array(candidates.length * rates.length)
  candidates.forEach((candidate, p) => {
    const row = rows.subarray(p * rates.length, (p + 1) * rates.length)
    row.set(rest)
    drawn.forEach((layer, i) => {
      row[layer] = candidate[i]
    })
  })
  return rows
}

/** A candidate given up has no accuracy, and counts as too inaccurate. */
function judge(evaluations: RateEvaluations, leastAccuracy: number, totalParameters: number): Measured {
  const accuracy = Array.from(evaluations.accuracy)
  const kept = Array.from(evaluations.kept, (count) => count / totalParameters)
  const feasible = accuracy.map((value) => value >= leastAccuracy)
  return { accuracy, kept, feasible, fitness: kept.map((share, i) => (feasible[i] ? share : INFEASIBLE)) }
}
