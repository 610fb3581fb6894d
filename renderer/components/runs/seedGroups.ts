// Runs that differ in nothing but their seed: what came of them on average, and how far apart.

import type { RunRequest, RunSummary } from '../../../preload/contract'
import { seedlessKey } from './settingsDiff'

export interface Spread {
  mean: number
  /** Of the sample (n - 1); NaN for a single run. */
  deviation: number
  least: number
  largest: number
}

export interface SeedGroup {
  runs: RunSummary[]
  seeds: number[]
  compression: Spread
  accuracy: Spread
  /** To each run's own reference. */
  difference: Spread
  seconds: Spread
}

export interface FinishedRun {
  run: RunSummary
  request: RunRequest
}

/** Groups of at least two finished runs with different seeds. */
export function seedGroups(runs: FinishedRun[]): SeedGroup[] {
  const groups = new Map<string, RunSummary[]>()
  for (const { run, request } of runs) {
    if (run.result === null) continue
    const key = `${run.projectId} ${seedlessKey(request)}`
    groups.set(key, [...(groups.get(key) ?? []), run])
  }
  return [...groups.values()].flatMap((members) => {
    const seeds = [...new Set(members.map(({ seed }) => seed))].sort((a, b) => a - b)
    return seeds.length < 2 ? [] : [summarised(members, seeds)]
  })
}

function summarised(runs: RunSummary[], seeds: number[]): SeedGroup {
  const results = runs.flatMap(({ result }) => (result === null ? [] : [result]))
  return {
    runs,
    seeds,
    compression: spread(results.map(({ compression }) => compression)),
    accuracy: spread(results.map(({ accuracy }) => accuracy)),
    difference: spread(results.map(({ accuracy, referenceAccuracy }) => accuracy - referenceAccuracy)),
    seconds: spread(results.map(({ seconds }) => seconds.total)),
  }
}

export function spread(values: number[]): Spread {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0)
  return {
    mean,
    deviation: values.length < 2 ? NaN : Math.sqrt(squares / (values.length - 1)),
    least: Math.min(...values),
    largest: Math.max(...values),
  }
}
