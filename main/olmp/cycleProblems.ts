// What is wrong with the settings of a compression in cycles, read from outside.

import { AppError } from '../net/errors'
import { EFFORTS, PRUNING_SCORES, REFERENCES, type CycleSettings } from './cycleSettings'
import { checkNumber, isObject, type NumberRule, type SettingProblem, NUMBER_RULES } from './settings'

const whole = (min: number, max = 1e9): NumberRule => ({ integer: true, min, max })
const real = (min: number, max: number): NumberRule => ({ integer: false, min, max })

const TOP: Record<string, NumberRule> = {
  learningRate: real(1e-9, 100),
  weightDecay: real(0, 1),
  warmup: whole(0),
  fisherBatches: whole(1),
  damping: real(0, 1),
  seed: NUMBER_RULES.seed,
}
const STAGE = { above: real(0, 1), removed: real(1e-6, 0.999999), iterations: whole(1) }
const GROWTH = {
  below: real(0, 1),
  share: real(1e-6, 10),
  lastShare: real(1e-6, 10),
  perOutput: whole(1),
  batches: whole(2),
  iterations: whole(1),
  rounds: whole(0, 100_000),
  retraining: whole(1),
}
const SEARCH = {
  evaluations: whole(1),
  population: whole(1, 10_000),
  stepSize: real(1e-9, 100),
  bound: real(1e-9, 20),
  sampleBatches: whole(1),
}
const FINE_TUNE = { iterations: whole(1), learningRate: real(1e-9, 100), weightDecay: real(0, 1) }
const AUGMENTATION = {
  copies: whole(1, 1000),
  cleanShare: real(0, 1),
  shift: real(0, 1000),
  rotate: real(0, 180),
  scale: real(0, 0.9),
}
const DISTILLATION = { weight: real(0, 1), temperature: real(0.01, 1000) }
const ACCURACY_GOAL = { loss: real(0, 1), validationImages: whole(1) }

const OTHER = [
  'method',
  'effort',
  'goal',
  'score',
  'stages',
  'growth',
  'denseLearningRate',
  'search',
  'fineTune',
  'augmentation',
  'distillation',
]

/** All that is wrong; empty where the value is a CycleSettings. */
export function cycleProblems(value: unknown): SettingProblem[] {
  if (!isObject(value)) {
    const message = 'the settings are not a JSON object'
    return [{ field: '', fault: 'not-an-object', message, hint: 'start from a preset' }]
  }
  return [
    ...unknownFields('', value, [...Object.keys(TOP), ...OTHER]),
    ...choice('method', value.method, ['cycles']),
    ...choice('effort', value.effort, EFFORTS),
    ...choice('score', value.score, PRUNING_SCORES),
    ...Object.entries(TOP).flatMap(([name, rule]) => checkNumber(name, value[name], rule)),
    ...optionalNumber('denseLearningRate', value.denseLearningRate ?? null, TOP.learningRate),
    ...goalProblems(value.goal),
    ...stagesProblems(value.stages),
    ...optionalGroup('growth', value.growth ?? null, GROWTH),
    ...group('search', value.search, SEARCH),
    ...optionalGroup('fineTune', value.fineTune, FINE_TUNE),
    ...optionalGroup('augmentation', value.augmentation, AUGMENTATION),
    ...optionalGroup('distillation', value.distillation, DISTILLATION),
    ...againstNothing(value),
  ]
}

/** Throws AppError 'invalid-setting'. */
export function parseCycleSettings(value: unknown): CycleSettings {
  const [first] = cycleProblems(value)
  if (first === undefined) return completeCycles(value as CycleSettings)
  throw new AppError('invalid-setting', first.message, { hint: first.hint })
}

/** Settings of before there was growth, or a rate for the dense stages, have neither. */
export function completeCycles(
  settings: Omit<CycleSettings, Later> & Partial<Pick<CycleSettings, Later>>,
): CycleSettings {
  const { growth = null, denseLearningRate = null } = settings
  return { ...settings, growth, denseLearningRate }
}

type Later = 'growth' | 'denseLearningRate'

type Rules = Record<string, NumberRule>

function unknownFields(place: string, value: object, known: string[]): SettingProblem[] {
  return Object.keys(value)
    .filter((name) => !known.includes(name))
    .map((name) => ({
      field: `${place}${name}`,
      fault: 'unknown-setting',
      message: `unknown setting '${place}${name}'`,
      hint: `known: ${known.join(', ')}`,
    }))
}

function choice(field: string, value: unknown, known: readonly string[]): SettingProblem[] {
  if (typeof value === 'string' && known.includes(value)) return []
  const message = `${field} is ${JSON.stringify(value)}`
  return [{ field, fault: 'choice', message, hint: `use ${known.map((name) => `'${name}'`).join(' or ')}` }]
}

function group(field: string, value: unknown, rules: Rules, others: string[] = []): SettingProblem[] {
  if (!isObject(value)) {
    const hint = `give { ${[...others, ...Object.keys(rules)].join(', ')} }`
    return [{ field, fault: 'group', message: `${field} is ${JSON.stringify(value)}`, hint }]
  }
  return [
    ...unknownFields(`${field}.`, value, [...others, ...Object.keys(rules)]),
    ...Object.entries(rules).flatMap(([name, rule]) => checkNumber(`${field}.${name}`, value[name], rule)),
  ]
}

function optionalNumber(field: string, value: unknown, rule: NumberRule): SettingProblem[] {
  return value === null ? [] : checkNumber(field, value, rule)
}

function optionalGroup(field: string, value: unknown, rules: Rules): SettingProblem[] {
  return value === null ? [] : group(field, value, rules)
}

function goalProblems(value: unknown): SettingProblem[] {
  const kind = isObject(value) ? value.kind : undefined
  if (isObject(value) && kind === 'accuracy') {
    const others = choice('goal.against', value.against, REFERENCES)
    return [...group('goal', value, ACCURACY_GOAL, ['kind', 'against']), ...others]
  }
  if (!isObject(value) || kind !== 'size') return choice('goal.kind', kind, ['size', 'accuracy'])
  const { kept } = value
  const sizes: unknown[] = Array.isArray(kept) ? kept : []
  const falling = sizes.every(
    (size, i) =>
      Number.isInteger(size) && Number(size) >= 1 && (i === 0 || Number(size) < Number(sizes[i - 1])),
  )
  if (falling && sizes.length > 0) return unknownFields('goal.', value, ['kind', 'kept'])
  const message = `goal.kept is ${JSON.stringify(kept)}`
  return [
    { field: 'goal.kept', fault: 'sizes', message, hint: 'give numbers of parameters, falling, 1 or more' },
  ]
}

function stagesProblems(value: unknown): SettingProblem[] {
  const hint = "give entries { above, removed, iterations } with falling 'above', the last one's 0"
  const fault = (field: string, message: string): SettingProblem[] => [
    { field, fault: 'stages', message, hint },
  ]
  if (!Array.isArray(value) || value.length === 0) return fault('stages', 'stages is empty or not a list')
  const stages: unknown[] = value
  const problems = stages.flatMap((stage, i) => group(`stages[${i}]`, stage, STAGE))
  if (problems.length > 0) return problems
  const above = stages.map((stage) => (isObject(stage) ? Number(stage.above) : Number.NaN))
  const wrong = above.findIndex((share, i) => i > 0 && !(share < above[i - 1]))
  if (wrong >= 0) return fault(`stages[${wrong}].above`, `stages[${wrong}].above is ${above[wrong]}`)
  const last = above.length - 1
  return above[last] === 0 ? [] : fault(`stages[${last}].above`, `stages[${last}].above is ${above[last]}`)
}

function againstNothing({ goal, fineTune }: Record<string, unknown>): SettingProblem[] {
  if (!isObject(goal) || goal.against !== 'fine-tuned' || fineTune !== null) return []
  const message = 'goal.against is "fine-tuned", and fineTune is null'
  const hint = "give fineTune, or compare with 'given'"
  return [{ field: 'goal.against', fault: 'no-fine-tuning', message, hint }]
}
