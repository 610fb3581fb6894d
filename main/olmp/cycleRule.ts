// The settings of a compression in cycles for any net: shares of its parameters and epochs of its data, from the two
// nets on which the method was worked out (fully connected: LeNet-300-100; convolutional: LeNet-5), no names.

import type { NetFacts } from './presets'
import type { Augmentation } from '../net/graph'
import type { CycleGoal, CycleSettings, CycleStage, Effort } from './cycleSettings'

interface Training {
  /** Of the largest learning rate to the solver's base_lr. */
  rateFactor: number
  weightDecay: number
}

interface Row {
  /** With copies and a teacher, and without: fewer images ask for more decay, and the labels alone bear a larger rate. */
  augmented: Training
  plain: Training
  /** `epochs` of the training data in place of iterations. */
  stages: { above: number; removed: number; epochs: number }[]
  fisherBatches: number
  fineTune: { epochs: number; rateFactor: number; weightDecay: number }
}

const FULLY_CONNECTED: Row = {
  augmented: { rateFactor: 5, weightDecay: 1e-4 },
  plain: { rateFactor: 10, weightDecay: 2e-4 },
  stages: [
    { above: 0.11, removed: 0.5, epochs: 1.1 },
    { above: 0.0094, removed: 0.12, epochs: 5.3 },
    { above: 0, removed: 0.03, epochs: 5.3 },
  ],
  fisherBatches: 200,
  fineTune: { epochs: 32, rateFactor: 5, weightDecay: 5e-4 },
}

const CONVOLUTIONAL: Row = {
  augmented: { rateFactor: 5, weightDecay: 1e-4 },
  plain: { rateFactor: 10, weightDecay: 5e-4 },
  stages: [
    { above: 0.035, removed: 0.5, epochs: 0.43 },
    { above: 0.0056, removed: 0.12, epochs: 3.4 },
    { above: 0, removed: 0.03, epochs: 3.4 },
  ],
  fisherBatches: 60,
  fineTune: { epochs: 6.4, rateFactor: 3, weightDecay: 5e-4 },
}

/** Nets beyond these are trained at their own solver's rate and prune in fewer, larger steps. */
const LARGE_PARAMETERS = 5_000_000
const LARGE: Row = {
  ...CONVOLUTIONAL,
  augmented: { rateFactor: 1, weightDecay: 5e-4 },
  plain: { rateFactor: 1, weightDecay: 5e-4 },
  stages: [
    { above: 0.2, removed: 0.4, epochs: 0.5 },
    { above: 0, removed: 0.2, epochs: 2 },
  ],
  fineTune: { epochs: 2, rateFactor: 0.5, weightDecay: 5e-4 },
}

/** Of the epochs, and of the natural logarithm of what a cycle leaves. */
const EFFORT: Record<Effort, { epochs: number; step: number }> = {
  quick: { epochs: 0.2, step: 4 },
  standard: { epochs: 0.5, step: 2 },
  thorough: { epochs: 1, step: 1 },
}

/** Of one cycle, or what dies with the pruned would be much more than they. */
const LARGEST_REMOVED = 0.6

const AUGMENTATION: Augmentation = { copies: 4, cleanShare: 0.25, shift: 1, rotate: 8, scale: 0.08 }

export interface CycleFacts extends NetFacts {
  /** base_lr of the folder's solver. */
  baseLearningRate: number
  /** (C, H, W) of a training datum. */
  datumShape: [number, number, number]
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
  const { rateFactor, weightDecay } = choices.augment ? row.augmented : row.plain
  const { epochs, step } = EFFORT[choices.effort]
  const iterations = (count: number): number =>
    Math.max(1, Math.round((count * epochs * facts.trainImages) / facts.trainBatch))
  const stages = row.stages.map(({ above, removed, epochs: count }): CycleStage => ({
    above,
    removed: Math.min(LARGEST_REMOVED, 1 - (1 - removed) ** step),
    iterations: iterations(count),
  }))
  const { fineTune } = row
  return {
    method: 'cycles',
    effort: choices.effort,
    goal: choices.goal,
    score: 'fisher',
    learningRate: rateFactor * facts.baseLearningRate,
    weightDecay,
    warmup: Math.min(100, Math.ceil(stages[0].iterations / 10)),
    stages,
    fisherBatches: row.fisherBatches,
    damping: 1e-3,
    search: {
      evaluations: 400,
      population: 10,
      stepSize: 0.3,
      bound: 4,
      sampleBatches: sampleBatches(facts),
    },
    fineTune: needsFineTuning(choices)
      ? {
          iterations: iterations(fineTune.epochs),
          learningRate: fineTune.rateFactor * facts.baseLearningRate,
          weightDecay: fineTune.weightDecay,
        }
      : null,
    augmentation: choices.augment ? { ...AUGMENTATION } : null,
    distillation: choices.augment ? { weight: 0.5, temperature: 2 } : null,
    seed: choices.seed,
  }
}

/** Its copies teach the whole net first; and a goal may ask for it. */
function needsFineTuning({ augment, goal }: CycleChoices): boolean {
  return augment || (goal.kind === 'accuracy' && goal.against === 'fine-tuned')
}

const SMALLEST_IMAGE = 16
const LARGEST_IMAGE = 96

/** Whether copies of the data shifted by a pixel, turned and scaled by a little keep their labels and fit in memory: small
 *  pictures. Large ones are cropped and mirrored by their Data layer already; what is not a picture is left alone. */
export function augmentable([channels, height, width]: [number, number, number]): boolean {
  const fits = (size: number): boolean => size >= SMALLEST_IMAGE && size <= LARGEST_IMAGE
  return (channels === 1 || channels === 3) && fits(height) && fits(width)
}

/** About 2,048 images. */
function sampleBatches({ trainBatch }: NetFacts): number {
  return Math.max(1, Math.round(2048 / trainBatch))
}

function rowFor({ prunableTypes, prunableParameters }: NetFacts): Row {
  if (prunableParameters > LARGE_PARAMETERS) return LARGE
  return prunableTypes.includes('Convolution') ? CONVOLUTIONAL : FULLY_CONNECTED
}
