// The settings of a compression in cycles for any net: shares of its parameters and epochs of its data, from the two
// nets on which the method was worked out (fully connected: LeNet-300-100; convolutional: LeNet-5), no names.

import type { NetFacts } from './presets'
import { count, type Augmentation } from '../net/graph'
import type { CycleGoal, CycleSettings, CycleStage, Effort, Growth } from './cycleSettings'

interface Training {
  /** Of the largest learning rate to the solver's base_lr; training goes no faster than at `largestRate` where the solver does
   *  not itself. */
  rateFactor: number
  largestRate: number
  weightDecay: number
}

/** `epochs` and `retraining` of the training data in place of iterations. */
interface RowGrowth extends Omit<Growth, 'batches' | 'iterations'> {
  epochs: number
}

interface Row {
  /** With copies and a teacher, and without: fewer images ask for more decay, and the labels alone bear a larger rate. */
  augmented: Training
  plain: Training
  /** `epochs` of the training data in place of iterations. */
  stages: { above: number; removed: number; epochs: number }[]
  growth: RowGrowth | null
  /** Whose gradients make the Fisher information of a cycle. */
  fisherImages: number
  fineTune: { epochs: number; rateFactor: number; weightDecay: number }
}

/** Nets that need batch normalisation to train at 0.1 fall apart at 0.5. */
const LARGEST_RATE = 0.1

const FULLY_CONNECTED: Row = {
  augmented: { rateFactor: 20, largestRate: 0.2, weightDecay: 1e-4 },
  plain: { rateFactor: 10, largestRate: LARGEST_RATE, weightDecay: 2e-4 },
  stages: [
    { above: 0.11, removed: 0.5, epochs: 1.1 },
    { above: 0.0094, removed: 0.2, epochs: 4.3 },
    { above: 0, removed: 0.03, epochs: 5.3 },
  ],
  growth: {
    below: 0.0094,
    share: 0.3,
    lastShare: 0.1,
    perOutput: 1,
    epochs: 2.1,
    rounds: 60,
    retraining: 3.2,
  },
  fisherImages: 12_800,
  fineTune: { epochs: 10.7, rateFactor: 10, weightDecay: 5e-4 },
}

const CONVOLUTIONAL: Row = {
  augmented: { rateFactor: 5, largestRate: LARGEST_RATE, weightDecay: 1e-4 },
  plain: { rateFactor: 10, largestRate: LARGEST_RATE, weightDecay: 5e-4 },
  stages: [
    { above: 0.035, removed: 0.5, epochs: 0.43 },
    { above: 0.0056, removed: 0.2, epochs: 3.4 },
    { above: 0, removed: 0.06, epochs: 3.4 },
  ],
  growth: {
    below: 0.0056,
    share: 0.5,
    lastShare: 0.5,
    perOutput: 2,
    epochs: 2.1,
    rounds: 50,
    retraining: 3.2,
  },
  fisherImages: 3_840,
  fineTune: { epochs: 6.4, rateFactor: 3, weightDecay: 5e-4 },
}

/** Of the largest learning rate of dense nets to the solver's base_lr. */
const DENSE_RATE_FACTOR = 5

/** Of the gains of what may come back: noise in them costs accuracy. */
const GROWTH_IMAGES = 12_800

/** Nets beyond these are trained at their own solver's rate and prune in fewer, larger steps. */
const LARGE_PARAMETERS = 5_000_000
const LARGE: Row = {
  ...CONVOLUTIONAL,
  augmented: { rateFactor: 1, largestRate: LARGEST_RATE, weightDecay: 5e-4 },
  plain: { rateFactor: 1, largestRate: LARGEST_RATE, weightDecay: 5e-4 },
  growth: null,
  stages: [
    { above: 0.2, removed: 0.4, epochs: 0.5 },
    { above: 0, removed: 0.2, epochs: 2 },
  ],
  fineTune: { epochs: 2, rateFactor: 0.5, weightDecay: 5e-4 },
}

/** Of the epochs, of the natural logarithm of what a cycle leaves, and of the rounds. */
const EFFORT: Record<Effort, { epochs: number; step: number; rounds: number }> = {
  quick: { epochs: 0.2, step: 4, rounds: 0.2 },
  standard: { epochs: 0.5, step: 2, rounds: 0.5 },
  thorough: { epochs: 1, step: 1, rounds: 1 },
}

/** Of one cycle, or what dies with the pruned would be much more than they. */
const LARGEST_REMOVED = 0.6

/** Iterations of a thorough retraining at least: an epoch of few images is too short to recover in (the published search
 *  for AlexNet left as many between two prunings). */
const LEAST_ITERATIONS = 250

const AUGMENTATION: Augmentation = { copies: 4, cleanShare: 0.25, shift: 1, rotate: 8, scale: 0.08 }

export interface CycleFacts extends NetFacts {
  /** Of the folder's solver (comparableRate). */
  baseLearningRate: number
  /** (C, H, W) of a training datum. */
  datumShape: [number, number, number]
  /** Data stored as floats: no pictures. */
  floatData: boolean
  /** batch_size of the test net. */
  testBatch: number
}

export interface CycleChoices {
  effort: Effort
  goal: CycleGoal
  /** Shifted, turned and scaled copies of the images, for data whose labels that does not change; with it the whole net
   *  is fine-tuned first and teaches the pruned ones. */
  augment: boolean
  seed: number
}

export function cycleRule(facts: CycleFacts, choices: CycleChoices): CycleSettings {
  const row = rowFor(facts)
  const { rateFactor, largestRate, weightDecay } = choices.augment ? row.augmented : row.plain
  const { epochs, step, rounds } = EFFORT[choices.effort]
  const iterations = (count: number): number =>
    Math.round(Math.max(LEAST_ITERATIONS * epochs, (count * epochs * facts.trainImages) / facts.trainBatch))
  const rate = (factor: number, largest: number): number =>
    Math.max(facts.baseLearningRate, Math.min(largest, factor * facts.baseLearningRate))
  const stages = row.stages.map(({ above, removed, epochs: count }): CycleStage => ({
    above,
    removed: Math.min(LARGEST_REMOVED, 1 - (1 - removed) ** step),
    iterations: iterations(count),
  }))
  const grown = ({ epochs: training, retraining, rounds: all, ...shares }: RowGrowth): Growth => ({
    ...shares,
    batches: Math.max(2, batches(GROWTH_IMAGES, facts)),
    iterations: iterations(training),
    rounds: Math.round(rounds * all),
    retraining: iterations(retraining),
  })
  const { fineTune, growth } = row
  return {
    method: 'cycles',
    effort: choices.effort,
    goal: choices.goal,
    score: 'fisher',
    learningRate: rate(rateFactor, largestRate),
    // A size is judged by its own net; with a goal of an accuracy those of every size before are, and few iterations do not
    // bring a dense net back from a large rate.
    denseLearningRate:
      choices.goal.kind === 'accuracy' ? rate(Math.min(rateFactor, DENSE_RATE_FACTOR), LARGEST_RATE) : null,
    weightDecay,
    warmup: Math.min(100, Math.ceil(stages[0].iterations / 10)),
    stages,
    growth: growth === null ? null : grown(growth),
    fisherBatches: batches(row.fisherImages, facts),
    damping: 1e-3,
    search: {
      evaluations: 400,
      population: 10,
      stepSize: 0.3,
      bound: 4,
      sampleBatches: batches(sampleImages(facts), facts),
    },
    fineTune: needsFineTuning(choices)
      ? {
          iterations: iterations(fineTune.epochs),
          learningRate: rate(fineTune.rateFactor, LARGEST_RATE),
          weightDecay: fineTune.weightDecay,
        }
      : null,
    augmentation: choices.augment ? { ...AUGMENTATION, copies: Math.max(2, copiesFitting(facts)) } : null,
    distillation: choices.augment ? { weight: 0.5, temperature: 2 } : null,
    seed: choices.seed,
  }
}

/** Copies teach the whole net first; and a goal of an accuracy needs a whole net that has not seen the images held out, to
 *  compare with it where the given one has. */
function needsFineTuning({ augment, goal }: CycleChoices): boolean {
  return augment || goal.kind === 'accuracy'
}

const SMALLEST_IMAGE = 16
const LARGEST_IMAGE = 96
const LARGEST_COPIES_BYTES = 2 ** 30

/** Whether copies of the data shifted by a pixel, turned and scaled by a little keep their labels and fit in memory: small
 *  pictures. Large ones are cropped and mirrored by their Data layer already; what is not a picture is left alone. */
export function augmentable(facts: Pick<CycleFacts, 'datumShape' | 'floatData' | 'trainImages'>): boolean {
  const [channels, height, width] = facts.datumShape
  const fits = (size: number): boolean => size >= SMALLEST_IMAGE && size <= LARGEST_IMAGE
  const isPicture = !facts.floatData && (channels === 1 || channels === 3) && fits(height) && fits(width)
  return isPicture && copiesFitting(facts) >= 2
}

function copiesFitting({ datumShape, trainImages }: Pick<CycleFacts, 'datumShape' | 'trainImages'>): number {
  const bytes = trainImages * count(datumShape)
  return Math.min(AUGMENTATION.copies, Math.floor(LARGEST_COPIES_BYTES / bytes))
}

const SAMPLE_IMAGES = 2048
const LARGEST_SAMPLE_BYTES = 2 ** 28

/** Held in memory, as floats, by a search of the spread over layers. */
function sampleImages({ datumShape }: CycleFacts): number {
  return Math.min(SAMPLE_IMAGES, LARGEST_SAMPLE_BYTES / (4 * count(datumShape)))
}

/** Whole batches of so many images, and of no more than there are. */
function batches(images: number, { trainBatch, trainImages }: NetFacts): number {
  return Math.max(1, Math.ceil(Math.min(images, trainImages) / trainBatch))
}

function rowFor({ prunableTypes, prunableParameters }: NetFacts): Row {
  if (prunableParameters > LARGE_PARAMETERS) return LARGE
  return prunableTypes.includes('Convolution') ? CONVOLUTIONAL : FULLY_CONNECTED
}
