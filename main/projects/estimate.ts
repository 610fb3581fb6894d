// How long a run will take, from what its parts take. Pure: the window computes it anew with every change of a setting.

import type { MemoryEstimate } from '../engine/binding'
import { iterationsOf, plannedCycles } from '../olmp/cycleSchedule'
import type { CycleSettings } from '../olmp/cycleSettings'
import { pruneCycles } from '../olmp/presets'
import type { OlmpSettings } from '../olmp/settings'

/** What the parts of a run take, measured on the model itself. */
export interface RunCosts {
  device: 'cpu' | 'cuda'
  threads: number
  /** One training iteration. */
  trainMs: number
  /** One candidate of a search. */
  evaluationMs: number
  /** The whole test set, once. */
  testMs: number
  /** What the engine holds for the model. */
  memoryBytes: number
  /** Of the GPU's memory before the measurement; null on the CPU. */
  gpu: MemoryEstimate | null
  /** Measured beside a run, which takes its share of the processor: likely too long. */
  besideRun: boolean
}

export interface RunEstimate {
  seconds: number
  trainSeconds: number
  searchSeconds: number
  testSeconds: number
  /** Searches to be expected: layers are drawn at random, and with fewer than two of them there is none. */
  searches: number
}

export interface EstimatedLayer {
  name: string
  type: string
}

/** `layers`: the prunable ones. */
export function estimateRun(settings: OlmpSettings, layers: EstimatedLayer[], costs: RunCosts): RunEstimate {
  const searches = expectedSearches(settings, layers)
  const { iterations, testInterval } = settings
  // the reference and the end are tested besides
  const tests = (testInterval === 0 ? 0 : Math.floor(iterations / testInterval)) + 2
  const trainSeconds = ((iterations + 1) * costs.trainMs) / 1000
  const searchSeconds = (searches * settings.evaluations * costs.evaluationMs) / 1000
  const testSeconds = (tests * costs.testMs) / 1000
  return {
    seconds: trainSeconds + searchSeconds + testSeconds,
    trainSeconds,
    searchSeconds,
    testSeconds,
    searches,
  }
}

/** A step on fixed masks costs this share of a dense one however few are kept, and all of it from `denseFrom` kept on:
 *  roughly what was measured on nets of 1e5 to 1e6 parameters. */
const leastStepShare = 0.12
const denseFrom = 0.2
/** Of a step whose masks may change, on a net that keeps little. */
const openStepShare = 0.4
/** Of a score: two forward passes and a backward one, and the squares. */
const scoreSteps = 2
/** Of a test with the net of a cycle, which is mostly sparse. */
const testShare = 0.3

/** Of a compression in cycles of a net of so many prunable parameters, as if nothing were found dead on the way. */
export function estimateCycles(settings: CycleSettings, parameters: number, costs: RunCosts): RunEstimate {
  const cycles = plannedCycles(settings, parameters, parameters)
  const { goal, augmentation, fineTune } = settings
  // what a goal of accuracy compares with is fine-tuned beside what is fine-tuned on copies
  const fineTunings = goal.kind === 'accuracy' && augmentation !== null ? 2 : 1
  const fineTuning = fineTunings * (fineTune?.iterations ?? 0)
  const steps = cycles.reduce(
    (sum, step) =>
      sum +
      iterationsOf(step, settings.growth) *
        Math.min(1, leastStepShare + step.target / parameters / denseFrom),
    fineTuning,
  )
  const scores = cycles.reduce((sum, { rounds }) => sum + 1 + rounds, 0)
  const trainSeconds = (steps * costs.trainMs) / 1000
  const perScore = settings.fisherBatches * scoreSteps * costs.trainMs
  const perSplit =
    settings.search.evaluations * settings.search.sampleBatches * costs.evaluationMs * leastStepShare
  const growths = cycles.reduce((sum, { grown, rounds }) => sum + (grown > 0 ? 1 : 0) + rounds, 0)
  const perGrowth = (settings.growth?.batches ?? 0) * costs.trainMs * openStepShare
  const perPruning = perScore + (settings.score === 'fisher' ? 0 : perSplit)
  const searchSeconds = (scores * perPruning + growths * perGrowth) / 1000
  const validated = goal.kind === 'accuracy' ? 2 : 1
  const testSeconds = ((2 + cycles.length * validated * testShare) * costs.testMs) / 1000
  return {
    seconds: trainSeconds + searchSeconds + testSeconds,
    trainSeconds,
    searchSeconds,
    testSeconds,
    searches: cycles.length,
  }
}

function expectedSearches(settings: OlmpSettings, layers: EstimatedLayer[]): number {
  const gammas = layers.flatMap(({ name, type }) => {
    const own = settings.layers.find((layer) => layer.name === name)
    if (own?.prune === false) return []
    return [own?.gamma ?? (type === 'Convolution' ? settings.gammaConvolution : settings.gammaInnerProduct)]
  })
  const least = settings.searchMode === 'as-published' ? 2 : Math.min(2, gammas.length)
  const cycles = pruneCycles(settings)
  const sampled = Math.min(cycles, mostSampled)
  let sum = 0
  for (let i = 0; i < sampled; i++) {
    const cycle = Math.floor((i * cycles) / sampled)
    sum += probabilityOfDrawing(least, gammas, cycle * settings.pruneInterval)
  }
  return sampled === 0 ? 0 : (sum / sampled) * cycles
}

/** The probability falls smoothly: so many of its values say enough of a schedule with millions of searches. */
const mostSampled = 1000

/** That at least `least` layers (0 to 2) are drawn at iteration k, each with probability (1 + gamma k)^-1. */
function probabilityOfDrawing(least: number, gammas: number[], k: number): number {
  let none = 1
  let one = 0
  for (const gamma of gammas) {
    const p = 1 / (1 + gamma * k)
    one = one * (1 - p) + none * p
    none *= 1 - p
  }
  return 1 - (least > 0 ? none : 0) - (least > 1 ? one : 0)
}
