// What a compression is asked to do: every value of the method, as plain JSON.

import { AppError } from '../net/errors'

/** 'ncs': the search as its paper describes it, every candidate measured from the same masks.
 *  'as-published': order of operations, acceptance and arithmetic of the OLMP authors' scripts. */
export type SearchMode = 'ncs' | 'as-published'

export interface StepSizeFrom {
  fromIteration: number
  value: number
}

/** What is particular to one prunable layer. Layers without an entry are pruned with the gamma of their type. */
export interface LayerSetting {
  name: string
  prune: boolean
  gamma?: number
}

export interface OlmpSettings {
  searchMode: SearchMode
  /** Iterations of the loop; one training step precedes it. */
  iterations: number
  /** From this iteration on the masks are frozen and the net is only retrained. */
  pruneStop: number
  /** Iterations between two searches. */
  pruneInterval: number
  /** Accuracy a candidate may lose on the training batch, 0..1. */
  delta: number
  /** NCS population size. */
  population: number
  /** Evaluations of one search. */
  evaluations: number
  /** NCS step size (standard deviation of the rates), by iteration. The first entry starts at 0. */
  stepSizes: StepSizeFrom[]
  /** Bounds of the rates c. */
  bounds: { lower: number; upper: number }
  /** c of every layer at the start. */
  initialRate: number
  /** A layer is masked anew at iteration k with probability 1 / (1 + gamma k). */
  gammaConvolution: number
  gammaInnerProduct: number
  /** Seeds the draws of layers and the search (NumPy's seed([seed])), and the engine's generators. */
  seed: number
  /** Iterations between two tests on the whole test set; 0: only at the end. */
  testInterval: number
  /** Iterations between two lines of the log; 0: none. */
  displayInterval: number
  layers: LayerSetting[]
}

export const LARGEST_SEED = 0xffffffff

/** c's step size at an iteration. */
export function stepSizeAt(settings: OlmpSettings, iteration: number): number {
  const reached = settings.stepSizes.filter((entry) => entry.fromIteration <= iteration)
  return reached[reached.length - 1].value
}

export type NumberField = {
  [K in keyof OlmpSettings]: OlmpSettings[K] extends number ? K : never
}[keyof OlmpSettings]

export interface NumberRule {
  integer: boolean
  min: number
  max: number
}

const WHOLE = { integer: true, max: Number.MAX_SAFE_INTEGER }
export const NUMBER_RULES: Record<NumberField, NumberRule> = {
  iterations: { ...WHOLE, min: 1 },
  pruneStop: { ...WHOLE, min: 0 },
  pruneInterval: { ...WHOLE, min: 1 },
  delta: { integer: false, min: 0, max: 1 },
  population: { integer: true, min: 1, max: 10_000 },
  evaluations: { integer: true, min: 1, max: 100_000_000 },
  initialRate: { integer: false, min: -1000, max: 1000 },
  gammaConvolution: { integer: false, min: 0, max: 1 },
  gammaInnerProduct: { integer: false, min: 0, max: 1 },
  seed: { integer: true, min: 0, max: LARGEST_SEED },
  testInterval: { ...WHOLE, min: 0 },
  displayInterval: { ...WHOLE, min: 0 },
}
const OTHER_FIELDS = ['searchMode', 'stepSizes', 'bounds', 'layers']

/** What can be wrong with settings, in one word, for the reader's own language. */
export type SettingFault =
  | 'not-an-object'
  | 'unknown-setting'
  | 'not-a-number'
  | 'not-whole'
  | 'outside-range'
  | 'search-mode'
  | 'no-step-sizes'
  | 'step-size-value'
  | 'step-size-order'
  | 'bounds'
  | 'layers-list'
  | 'layer-entry'
  | 'layer-twice'
  | 'layer-unknown'
  | 'no-layer-left'
  | 'prune-stop-after-end'
  | 'initial-rate-outside-bounds'
  | 'negative-lower-bound'
  | 'choice'
  | 'group'
  | 'sizes'
  | 'stages'
  | 'no-fine-tuning'

export interface SettingProblem {
  /** The field at fault: `delta`, `stepSizes[1].value`, `layers[0].gamma`. */
  field: string
  fault: SettingFault
  message: string
  hint: string
  rule?: NumberRule
}

type Json = Record<string, unknown>

export function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

export function checkNumber(field: string, value: unknown, rule: NumberRule): SettingProblem[] {
  const kind = rule.integer ? 'whole number' : 'number'
  const range = `${rule.min} to ${rule.max}`
  const problem = (fault: SettingFault, message: string): SettingProblem[] => [
    { field, fault, message, hint: `give a ${kind} from ${range}`, rule },
  ]
  if (typeof value !== 'number' || !Number.isFinite(value)) {
    return problem('not-a-number', `${field} is ${JSON.stringify(value)}`)
  }
  if (rule.integer && !Number.isInteger(value)) return problem('not-whole', `${field} is ${value}`)
  if (value >= rule.min && value <= rule.max) return []
  return problem('outside-range', `${field} is ${value}, outside ${range}`)
}

function checkStepSizes(value: unknown): SettingProblem[] {
  const hint = 'give entries { fromIteration, value } in ascending order, the first with fromIteration 0'
  if (!Array.isArray(value) || value.length === 0) {
    const message = 'stepSizes is empty or not a list'
    return [{ field: 'stepSizes', fault: 'no-step-sizes', message, hint }]
  }
  let previous = -1
  for (const [index, entry] of value.entries()) {
    const from: unknown = isObject(entry) ? entry.fromIteration : undefined
    const size: unknown = isObject(entry) ? entry.value : undefined
    if (typeof size !== 'number' || !(size > 0) || !Number.isFinite(size)) {
      const field = `stepSizes[${index}].value`
      const message = `${field} is ${JSON.stringify(size)}`
      return [{ field, fault: 'step-size-value', message, hint: 'give a number above 0' }]
    }
    if (
      typeof from !== 'number' ||
      !Number.isInteger(from) ||
      from <= previous ||
      (index === 0 && from !== 0)
    ) {
      const field = `stepSizes[${index}].fromIteration`
      return [{ field, fault: 'step-size-order', message: `${field} is ${JSON.stringify(from)}`, hint }]
    }
    previous = from
  }
  return []
}

function checkBounds(value: unknown): SettingProblem[] {
  const lower: unknown = isObject(value) ? value.lower : undefined
  const upper: unknown = isObject(value) ? value.upper : undefined
  if (
    typeof lower !== 'number' ||
    typeof upper !== 'number' ||
    !(lower < upper) ||
    !Number.isFinite(upper - lower)
  ) {
    const hint = 'give { lower, upper } with lower below upper'
    return [{ field: 'bounds', fault: 'bounds', message: `bounds is ${JSON.stringify(value)}`, hint }]
  }
  return []
}

function checkLayers(value: unknown, prunable: string[] | undefined): SettingProblem[] {
  const field = 'layers'
  const hint = 'give entries { name, prune, gamma? }'
  if (!Array.isArray(value)) return [{ field, fault: 'layers-list', message: 'layers is not a list', hint }]
  const problems: SettingProblem[] = []
  const seen = new Set<string>()
  for (const [index, entry] of value.entries()) {
    const place = `layers[${index}]`
    if (!isObject(entry) || typeof entry.name !== 'string' || typeof entry.prune !== 'boolean') {
      const message = `${place} is ${JSON.stringify(entry)}`
      problems.push({ field: place, fault: 'layer-entry', message, hint: 'give { name, prune, gamma? }' })
      continue
    }
    const { name, gamma } = entry
    if (gamma !== undefined) {
      problems.push(...checkNumber(`${place}.gamma`, gamma, NUMBER_RULES.gammaConvolution))
    }
    if (seen.has(name)) {
      const message = `layer '${name}' is listed twice`
      problems.push({ field: place, fault: 'layer-twice', message, hint: 'keep one entry per layer' })
    }
    if (prunable !== undefined && !prunable.includes(name)) {
      const message = `the net has no prunable layer '${name}'`
      problems.push({
        field: place,
        fault: 'layer-unknown',
        message,
        hint: `prunable: ${prunable.join(', ')}`,
      })
    }
    seen.add(name)
  }
  const kept = prunable?.every((name) =>
    value.some((e: unknown) => isObject(e) && e.name === name && e.prune === false),
  )
  if (prunable !== undefined && kept) {
    const message = 'no layer is left to prune'
    problems.push({ field, fault: 'no-layer-left', message, hint: 'let at least one layer be pruned' })
  }
  return problems
}

function checkRelations(settings: Json): SettingProblem[] {
  const { iterations, pruneStop, bounds, initialRate, searchMode } = settings
  const problems: SettingProblem[] = []
  if (typeof iterations === 'number' && typeof pruneStop === 'number' && pruneStop > iterations) {
    const message = `pruneStop ${pruneStop} lies after the last iteration ${iterations}`
    problems.push({ field: 'pruneStop', fault: 'prune-stop-after-end', message, hint: 'lower pruneStop' })
  }
  if (!isObject(bounds) || typeof initialRate !== 'number') return problems
  const { lower, upper } = bounds
  if (typeof lower !== 'number' || typeof upper !== 'number') return problems
  if (initialRate < lower || initialRate > upper) {
    const message = `initialRate ${initialRate} lies outside the bounds ${lower} to ${upper}`
    const fault = 'initial-rate-outside-bounds'
    problems.push({ field: 'initialRate', fault, message, hint: 'move it inside' })
  }
  if (searchMode === 'as-published' && lower < 0) {
    const message = 'bounds.lower is negative, which the published scripts read as "leave the layer"'
    problems.push({ field: 'bounds', fault: 'negative-lower-bound', message, hint: 'use 0' })
  }
  return problems
}

/** All that is wrong with settings read from outside; empty where they are an OlmpSettings. `prunable`: the names of the
 *  net's prunable layers, where a net is known. */
export function settingProblems(value: unknown, prunable?: string[]): SettingProblem[] {
  if (!isObject(value)) {
    const message = 'the settings are not a JSON object'
    return [{ field: '', fault: 'not-an-object', message, hint: 'start from a preset' }]
  }
  const known = [...Object.keys(NUMBER_RULES), ...OTHER_FIELDS]
  const problems = Object.keys(value)
    .filter((name) => !known.includes(name))
    .map((name): SettingProblem => {
      const message = `unknown setting '${name}'`
      return { field: name, fault: 'unknown-setting', message, hint: `known: ${known.join(', ')}` }
    })
  for (const [name, rule] of Object.entries(NUMBER_RULES)) {
    problems.push(...checkNumber(name, value[name], rule))
  }
  if (value.searchMode !== 'ncs' && value.searchMode !== 'as-published') {
    const message = `searchMode is ${JSON.stringify(value.searchMode)}`
    problems.push({
      field: 'searchMode',
      fault: 'search-mode',
      message,
      hint: "use 'ncs' or 'as-published'",
    })
  }
  problems.push(...checkStepSizes(value.stepSizes), ...checkBounds(value.bounds))
  problems.push(...checkLayers(value.layers, prunable), ...checkRelations(value))
  return problems
}

/** The same as errors. */
export function validateSettings(value: unknown, prunable?: string[]): AppError[] {
  return settingProblems(value, prunable).map(
    ({ message, hint }) => new AppError('invalid-setting', message, { hint }),
  )
}

/** Settings read from outside, or the first of what is wrong with them thrown. */
export function parseSettings(value: unknown, prunable?: string[]): OlmpSettings {
  const [first] = validateSettings(value, prunable)
  if (first !== undefined) throw first
  return value as OlmpSettings
}
