// From the few choices of the window to the whole of a run's settings.

import { ofLength } from '../olmp/presets'
import type { OlmpSettings } from '../olmp/settings'

export interface Choices {
  searchMode: OlmpSettings['searchMode']
  delta: number
  seed: number
  iterations: number
  evaluations: number
}

/** The suggested settings, at the length chosen, with the choices in. */
export function settingsFor(choices: Choices, suggested: OlmpSettings): OlmpSettings {
  return {
    ...ofLength(suggested, choices.iterations),
    ...choices,
    population: Math.min(suggested.population, choices.evaluations),
  }
}
