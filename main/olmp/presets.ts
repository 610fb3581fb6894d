// The settings of the published experiments, and the rule that gives settings for any net. The rule knows no names: it
// yields the published rows for nets like those, and scales them for others.

import type { OlmpSettings, SearchMode } from './settings'

/** Settings of Li, Qian, Jiang, Lu, Tang (IJCAI 2018), from the authors' scripts. */
type Row = Omit<OlmpSettings, 'searchMode'>

const COMMON = {
  evaluations: 1600,
  initialRate: 0.001,
  gammaConvolution: 2e-5,
  gammaInnerProduct: 2e-4,
  testInterval: 500,
  displayInterval: 100,
  layers: [],
}

const FULLY_CONNECTED: Row = {
  ...COMMON,
  iterations: 30001,
  pruneStop: 15000,
  pruneInterval: 1000,
  delta: 0.08,
  population: 10,
  stepSizes: [{ fromIteration: 0, value: 5 }],
  bounds: { lower: 0, upper: 10 },
  seed: 961449,
}

const SMALL_CONVOLUTIONAL: Row = {
  ...FULLY_CONNECTED,
  delta: 0.05,
  stepSizes: [
    { fromIteration: 0, value: 5 },
    { fromIteration: 10000, value: 0.5 },
  ],
  bounds: { lower: 0, upper: 20 },
  seed: 981118,
}

/** Their seed for this one is not recorded. */
const LARGE: Row = {
  ...COMMON,
  iterations: 15001,
  pruneStop: 10000,
  pruneInterval: 250,
  delta: 0.08,
  population: 8,
  stepSizes: [
    { fromIteration: 0, value: 5 },
    { fromIteration: 7000, value: 0.5 },
  ],
  bounds: { lower: 0, upper: 10 },
  seed: 1,
}

const ROWS = {
  'lenet-300-100': FULLY_CONNECTED,
  'lenet-5': SMALL_CONVOLUTIONAL,
  'alexnet-caltech': LARGE,
} satisfies Record<string, Row>

export type ExperimentName = keyof typeof ROWS
export const EXPERIMENTS = Object.keys(ROWS) as ExperimentName[]

/** Preset names of the terminal command: the row comes from the general rule. */
export const PRESETS = {
  'olmp-as-published': 'as-published',
  'olmp-ncs-corrected': 'ncs',
} satisfies Record<string, SearchMode>

export type PresetName = keyof typeof PRESETS
export const PRESET_NAMES = Object.keys(PRESETS) as PresetName[]

export function isPresetName(name: string): name is PresetName {
  return Object.hasOwn(PRESETS, name)
}

export interface NetFacts {
  /** Types of the prunable layers, in net order. */
  prunableTypes: ('Convolution' | 'InnerProduct')[]
  /** Weights and biases of the prunable layers. */
  prunableParameters: number
  /** Training images. */
  trainImages: number
  /** Images of a training batch. */
  trainBatch: number
}

/** Between LeNet-5 (4.3e5 parameters) and AlexNet (5.7e7), at their geometric mean. */
const LARGE_PARAMETERS = 5_000_000
/** The published experiments see their data 32 times and more; fewer than ten times is too few to retrain. */
const LEAST_EPOCHS = 10
/** A tolerance below one image of the batch would be none. */
const LEAST_TOLERANCE_IMAGES = 1

/** The settings of a published experiment. */
export function experimentSettings(name: ExperimentName, searchMode: SearchMode): OlmpSettings {
  return copy(ROWS[name], searchMode)
}

/** Settings for any net: the row of the published net most like it, lengthened for a training set too large to be seen
 *  ten times in it, and with a delta of no less than one image of the batch. */
export function generalRule(facts: NetFacts, searchMode: SearchMode): OlmpSettings {
  const settings = copy(rowFor(facts), searchMode)
  const { trainImages, trainBatch } = facts
  const factor = (LEAST_EPOCHS * trainImages) / (trainBatch * settings.iterations)
  const delta = Math.min(1, Math.max(settings.delta, LEAST_TOLERANCE_IMAGES / trainBatch))
  const iterations = Math.round(settings.iterations * Math.max(1, factor))
  return { ...ofLength(settings, iterations), delta }
}

/** The settings for a run of another length: when pruning ends and when the step size changes are shares of the whole. A
 *  longer run has as many searches. A shorter one has fewer, because each needs retraining after it, but two at least. It
 *  is tested and displayed more often. */
export function ofLength(settings: OlmpSettings, iterations: number): OlmpSettings {
  const share = (value: number, minimum = 0): number =>
    Math.max(minimum, Math.round((value * iterations) / settings.iterations))
  const shorter = (interval: number): number => (interval === 0 ? 0 : Math.min(interval, share(interval, 1)))
  const pruneStop = Math.min(iterations, share(settings.pruneStop))
  const twoSearches = Math.max(1, Math.floor(pruneStop / 2))
  const longer = iterations >= settings.iterations
  return {
    ...settings,
    iterations,
    pruneStop,
    pruneInterval: longer ? share(settings.pruneInterval) : Math.min(settings.pruneInterval, twoSearches),
    // each entry after the one before it, however short the run
    stepSizes: settings.stepSizes.map(({ fromIteration, value }, index) => ({
      fromIteration: share(fromIteration, index),
      value,
    })),
    testInterval: Math.max(shorter(settings.testInterval), Math.min(settings.testInterval, 100)),
    displayInterval: shorter(settings.displayInterval),
  }
}

/** Searches that are due: each begins a cycle of pruning and training. */
export function pruneCycles({ pruneStop, pruneInterval }: OlmpSettings): number {
  return Math.ceil(pruneStop / pruneInterval)
}

/** A preset of the terminal command for a net. */
export function presetSettings(name: PresetName, facts: NetFacts): OlmpSettings {
  return generalRule(facts, PRESETS[name])
}

function rowFor({ prunableTypes, prunableParameters }: NetFacts): Row {
  if (prunableParameters >= LARGE_PARAMETERS) return LARGE
  return prunableTypes.includes('Convolution') ? SMALL_CONVOLUTIONAL : FULLY_CONNECTED
}

function copy(row: Row, searchMode: SearchMode): OlmpSettings {
  return {
    searchMode,
    ...row,
    stepSizes: row.stepSizes.map((entry) => ({ ...entry })),
    bounds: { ...row.bounds },
    layers: [],
  }
}
