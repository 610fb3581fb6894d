// From the few choices of the window to the whole of a run's settings.

import type { OlmpSettings } from '../olmp/settings'

export interface Choices {
  searchMode: OlmpSettings['searchMode']
  delta: number
  seed: number
  iterations: number
  evaluations: number
}

/**
 * The suggested settings with the choices in. A run of another length keeps its proportions: when pruning ends, how
 * often a search comes and when the step size changes are all shares of the whole.
 */
export function settingsFor(choices: Choices, suggested: OlmpSettings): OlmpSettings {
  const { iterations } = choices
  const share = (value: number, minimum = 0) =>
    Math.max(minimum, Math.round((value * iterations) / suggested.iterations))
  const shorter = (interval: number) => (interval === 0 ? 0 : Math.min(interval, share(interval, 1)))
  return {
    ...suggested,
    ...choices,
    population: Math.min(suggested.population, choices.evaluations),
    pruneStop: Math.min(iterations, share(suggested.pruneStop)),
    pruneInterval: share(suggested.pruneInterval, 1),
    // each entry after the one before it, however short the run
    stepSizes: suggested.stepSizes.map(({ fromIteration, value }, index) => ({
      fromIteration: share(fromIteration, index),
      value,
    })),
    testInterval: Math.max(shorter(suggested.testInterval), Math.min(suggested.testInterval, 100)),
    displayInterval: shorter(suggested.displayInterval),
  }
}
