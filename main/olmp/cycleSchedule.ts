// The arithmetic of the cycles: how far each one prunes, and the learning rates of a segment.

import type { CycleGoal, CycleStage } from './cycleSettings'

export interface CycleStep {
  /** Parameters kept at most after the pruning. */
  target: number
  iterations: number
}

/** The stage of a net that keeps `kept` of `total`. */
export function stageOf(stages: CycleStage[], kept: number, total: number): CycleStage {
  return stages.find(({ above }) => kept > above * total) ?? stages[stages.length - 1]
}

/** The next cycle of a net that keeps `kept`; null where the goal's smallest size is reached or nothing can go. A size
 *  asked for is not passed over: the cycle that would, ends on it. It is an end, so that it is retrained for as long as any;
 *  and so is a step that `largestStep` makes smaller, because a larger one lost too much. */
export function nextCycle(
  stages: CycleStage[],
  goal: CycleGoal,
  kept: number,
  total: number,
  largestStep = 1,
): CycleStep | null {
  const sizes = goal.kind === 'size' ? goal.kept : []
  const next = sizes.find((size) => size < kept)
  if (goal.kind === 'size' && next === undefined) return null
  const { removed, iterations } = stageOf(stages, kept, total)
  const step = Math.min(removed, largestStep)
  const target = Math.max(next ?? 1, Math.min(kept - 1, Math.floor(kept * (1 - step))))
  if (target >= kept) return null
  const isEnd = target === next || step < removed
  return { target, iterations: isEnd ? Math.max(...stages.map((stage) => stage.iterations)) : iterations }
}

/** The largest step to allow where that of a net that keeps `kept` lost too much: half of it (two of them remove as much),
 *  but no less than the smallest of the stages; null where it was that one. */
export function smallerStep(
  stages: CycleStage[],
  kept: number,
  total: number,
  largestStep: number,
): number | null {
  const step = Math.min(stageOf(stages, kept, total).removed, largestStep)
  const smallest = Math.min(...stages.map(({ removed }) => removed))
  return step <= smallest ? null : Math.max(smallest, 1 - Math.sqrt(1 - step))
}

/** Where a goal without a size is taken to end, for the progress shown. */
const LARGEST_COMPRESSION = 500

/** Cycles from `kept` parameters on, as they would go if nothing were found dead: for progress and estimates. */
export function plannedCycles(
  stages: CycleStage[],
  goal: CycleGoal,
  kept: number,
  total: number,
  largestStep = 1,
): CycleStep[] {
  const steps: CycleStep[] = []
  for (let left = kept; left > total / LARGEST_COMPRESSION || goal.kind === 'size';) {
    const step = nextCycle(stages, goal, left, total, largestStep)
    if (step === null) break
    steps.push(step)
    left = step.target
  }
  return steps
}

/** Rates of iterations [from, from + count) of a segment of `length`: a linear warming up, times half a cosine to 0
 *  (Loshchilov, Hutter, SGDR, ICLR 2017, without restarts). */
export function segmentRates(
  largest: number,
  warmup: number,
  length: number,
  from: number,
  count: number,
): Float64Array {
  return Float64Array.from({ length: count }, (_, i) => {
    const t = from + i
    const cosine = 0.5 * largest * (1 + Math.cos((Math.PI * t) / length))
    return cosine * Math.min(1, (t + 1) / Math.max(1, warmup))
  })
}
