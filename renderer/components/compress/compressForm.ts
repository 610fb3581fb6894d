// From the three decisions to the whole of a run's settings, and back: the settings are the truth, a decision is what
// can be read from them.

import {
  type NumberField,
  NUMBER_RULES,
  ofLength,
  type OlmpSettings,
  pruneCycles,
  type SettingProblem,
} from '../../../preload/contract'

export const efforts = ['quick', 'standard', 'thorough'] as const
export type Effort = (typeof efforts)[number]

/** Of the iterations the general rule gives. */
export const effortShares: Record<Effort, number> = { quick: 0.1, standard: 1, thorough: 2 }

/** The fields a run's length decides. */
type ScheduleField =
  'iterations' | 'pruneStop' | 'pruneInterval' | 'stepSizes' | 'testInterval' | 'displayInterval'

export function scheduleOf(suggested: OlmpSettings, iterations: number): Pick<OlmpSettings, ScheduleField> {
  const { pruneStop, pruneInterval, stepSizes, testInterval, displayInterval } = ofLength(
    suggested,
    iterations,
  )
  return { iterations, pruneStop, pruneInterval, stepSizes, testInterval, displayInterval }
}

export function iterationsOf(suggested: OlmpSettings, effort: Effort): number {
  return Math.max(1, Math.round(suggested.iterations * effortShares[effort]))
}

/** 'own': of a length that none of them has. */
export function effortOf(suggested: OlmpSettings, { iterations }: OlmpSettings): Effort | 'own' {
  return efforts.find((effort) => iterationsOf(suggested, effort) === iterations) ?? 'own'
}

/** Allowed fall of the batch accuracy; 'suggested' stands for the general rule's. */
export const lossChoices = ['suggested', 'none', 'tenth', 'half', 'own'] as const
export type LossChoice = (typeof lossChoices)[number]

export function deltaOf(choice: Exclude<LossChoice, 'own'>, suggested: OlmpSettings): number {
  return { suggested: suggested.delta, none: 0, tenth: 0.001, half: 0.005 }[choice]
}

export function lossChoiceOf(suggested: OlmpSettings, { delta }: OlmpSettings): LossChoice {
  const named = lossChoices.filter((choice) => choice !== 'own')
  return named.find((choice) => deltaOf(choice, suggested) === delta) ?? 'own'
}

/** Images of a batch that a candidate may get wrong beyond those it started from: accuracies come in steps of one. */
export function imagesAllowed(delta: number, batch: number): number {
  return Math.floor(delta * batch + 1e-9)
}

/** A population cannot be larger than what a search may try. */
export function fittedPopulation(settings: OlmpSettings): number {
  return Math.min(settings.population, settings.evaluations)
}

export interface Plan {
  searches: number
  evaluations: number
  pruneStop: number
  retraining: number
}

export function planOf(settings: OlmpSettings): Plan {
  const { evaluations, pruneStop, iterations } = settings
  return { searches: pruneCycles(settings), evaluations, pruneStop, retraining: iterations - pruneStop }
}

/** Whether a layer is pruned, and its own gamma where it has one. */
export function withLayer(
  settings: OlmpSettings,
  name: string,
  change: { prune?: boolean; gamma?: number | null },
): OlmpSettings['layers'] {
  const others = settings.layers.filter((layer) => layer.name !== name)
  const before = settings.layers.find((layer) => layer.name === name)
  const prune = change.prune ?? before?.prune ?? true
  const gamma = change.gamma === undefined ? before?.gamma : (change.gamma ?? undefined)
  // no entry says the same as an entry without anything particular
  if (prune && gamma === undefined) return others
  return [...others, gamma === undefined ? { name, prune } : { name, prune, gamma }]
}

export type SettingGroup = 'schedule' | 'search' | 'layers' | 'testing' | 'checkpoints'

/** A number of the form: where it stands in the settings, and how it is shown. */
export interface FieldFact {
  field: NumberField
  group: SettingGroup
  /** The shown value is the stored one times this. */
  scale: number
}

/** Grouped as the paper groups them. */
export const fieldFacts: FieldFact[] = [
  { field: 'iterations', group: 'schedule', scale: 1 },
  { field: 'pruneStop', group: 'schedule', scale: 1 },
  { field: 'pruneInterval', group: 'schedule', scale: 1 },
  { field: 'delta', group: 'search', scale: 100 },
  { field: 'evaluations', group: 'search', scale: 1 },
  { field: 'population', group: 'search', scale: 1 },
  { field: 'initialRate', group: 'search', scale: 1 },
  { field: 'seed', group: 'search', scale: 1 },
  { field: 'gammaConvolution', group: 'layers', scale: 1 },
  { field: 'gammaInnerProduct', group: 'layers', scale: 1 },
  { field: 'testInterval', group: 'testing', scale: 1 },
  { field: 'displayInterval', group: 'testing', scale: 1 },
]

export function rangeOf({ field, scale }: FieldFact): { min: number; max: number } {
  const { min, max } = NUMBER_RULES[field]
  return { min: min * scale, max: max * scale }
}

/** Decimals that a factor of 100 would show as 7.000000000000001. */
export function rounded(value: number): number {
  return Number(value.toPrecision(12))
}

/** The first problem of a field, or of a place within it. */
export function problemOf(problems: SettingProblem[], field: string): SettingProblem | undefined {
  return problems.find(({ field: at }) => at === field || at.startsWith(`${field}[`))
}
