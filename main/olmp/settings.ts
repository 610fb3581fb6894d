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

type NumberField = {
  [K in keyof OlmpSettings]: OlmpSettings[K] extends number ? K : never
}[keyof OlmpSettings]

interface NumberRule {
  integer: boolean
  min: number
  max: number
}

const WHOLE = { integer: true, max: Number.MAX_SAFE_INTEGER }
const NUMBER_RULES: Record<NumberField, NumberRule> = {
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

type Json = Record<string, unknown>

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function problem(message: string, hint: string): AppError {
  return new AppError('invalid-setting', message, { hint })
}

function checkNumber(name: string, value: unknown, rule: NumberRule): AppError[] {
  const kind = rule.integer ? 'whole number' : 'number'
  const range = `${rule.min} to ${rule.max}`
  if (typeof value !== 'number' || !Number.isFinite(value) || (rule.integer && !Number.isInteger(value))) {
    return [problem(`${name} is ${JSON.stringify(value)}`, `give a ${kind} from ${range}`)]
  }
  if (value < rule.min || value > rule.max) {
    return [problem(`${name} is ${value}, outside ${range}`, `give a ${kind} from ${range}`)]
  }
  return []
}

function checkStepSizes(value: unknown): AppError[] {
  const hint = 'give entries { fromIteration, value } in ascending order, the first with fromIteration 0'
  if (!Array.isArray(value) || value.length === 0) return [problem('stepSizes is empty or not a list', hint)]
  let previous = -1
  for (const [index, entry] of value.entries()) {
    const from: unknown = isObject(entry) ? entry.fromIteration : undefined
    const size: unknown = isObject(entry) ? entry.value : undefined
    if (typeof size !== 'number' || !(size > 0) || !Number.isFinite(size)) {
      return [problem(`stepSizes[${index}].value is ${JSON.stringify(size)}`, 'give a number above 0')]
    }
    if (
      typeof from !== 'number' ||
      !Number.isInteger(from) ||
      from <= previous ||
      (index === 0 && from !== 0)
    ) {
      return [problem(`stepSizes[${index}].fromIteration is ${JSON.stringify(from)}`, hint)]
    }
    previous = from
  }
  return []
}

function checkBounds(value: unknown): AppError[] {
  const lower: unknown = isObject(value) ? value.lower : undefined
  const upper: unknown = isObject(value) ? value.upper : undefined
  if (
    typeof lower !== 'number' ||
    typeof upper !== 'number' ||
    !(lower < upper) ||
    !Number.isFinite(upper - lower)
  ) {
    return [problem(`bounds is ${JSON.stringify(value)}`, 'give { lower, upper } with lower below upper')]
  }
  return []
}

function checkLayers(value: unknown, prunable: string[] | undefined): AppError[] {
  if (!Array.isArray(value)) return [problem('layers is not a list', 'give entries { name, prune, gamma? }')]
  const errors: AppError[] = []
  const seen = new Set<string>()
  for (const [index, entry] of value.entries()) {
    if (!isObject(entry) || typeof entry.name !== 'string' || typeof entry.prune !== 'boolean') {
      errors.push(problem(`layers[${index}] is ${JSON.stringify(entry)}`, 'give { name, prune, gamma? }'))
      continue
    }
    const { name, gamma } = entry
    if (gamma !== undefined)
      errors.push(...checkNumber(`layers[${index}].gamma`, gamma, NUMBER_RULES.gammaConvolution))
    if (seen.has(name)) errors.push(problem(`layer '${name}' is listed twice`, 'keep one entry per layer'))
    if (prunable !== undefined && !prunable.includes(name)) {
      errors.push(problem(`the net has no prunable layer '${name}'`, `prunable: ${prunable.join(', ')}`))
    }
    seen.add(name)
  }
  const kept = prunable?.every((name) =>
    value.some((e: unknown) => isObject(e) && e.name === name && e.prune === false),
  )
  if (prunable !== undefined && kept) {
    errors.push(problem('no layer is left to prune', 'let at least one layer be pruned'))
  }
  return errors
}

function checkRelations(settings: Json): AppError[] {
  const { iterations, pruneStop, bounds, initialRate, searchMode } = settings
  const errors: AppError[] = []
  if (typeof iterations === 'number' && typeof pruneStop === 'number' && pruneStop > iterations) {
    errors.push(
      problem(`pruneStop ${pruneStop} lies after the last iteration ${iterations}`, 'lower pruneStop'),
    )
  }
  if (!isObject(bounds) || typeof initialRate !== 'number') return errors
  const { lower, upper } = bounds
  if (typeof lower !== 'number' || typeof upper !== 'number') return errors
  if (initialRate < lower || initialRate > upper) {
    errors.push(
      problem(`initialRate ${initialRate} lies outside the bounds ${lower} to ${upper}`, 'move it inside'),
    )
  }
  if (searchMode === 'as-published' && lower < 0) {
    errors.push(
      problem('bounds.lower is negative, which the published scripts read as "leave the layer"', 'use 0'),
    )
  }
  return errors
}

/** All that is wrong with settings read from outside; empty where they are an OlmpSettings. `prunable`: the names of the
 *  net's prunable layers, where a net is known. */
export function validateSettings(value: unknown, prunable?: string[]): AppError[] {
  if (!isObject(value)) return [problem('the settings are not a JSON object', 'start from a preset')]
  const known = [...Object.keys(NUMBER_RULES), ...OTHER_FIELDS]
  const errors = Object.keys(value)
    .filter((name) => !known.includes(name))
    .map((name) => problem(`unknown setting '${name}'`, `known: ${known.join(', ')}`))
  for (const [name, rule] of Object.entries(NUMBER_RULES))
    errors.push(...checkNumber(name, value[name], rule))
  if (value.searchMode !== 'ncs' && value.searchMode !== 'as-published') {
    errors.push(problem(`searchMode is ${JSON.stringify(value.searchMode)}`, "use 'ncs' or 'as-published'"))
  }
  errors.push(...checkStepSizes(value.stepSizes), ...checkBounds(value.bounds))
  errors.push(...checkLayers(value.layers, prunable), ...checkRelations(value))
  return errors
}

/** Settings read from outside, or the first of what is wrong with them thrown. */
export function parseSettings(value: unknown, prunable?: string[]): OlmpSettings {
  const [first] = validateSettings(value, prunable)
  if (first !== undefined) throw first
  return value as OlmpSettings
}
