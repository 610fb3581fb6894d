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
 *  and so is a step made smaller because a larger one lost too much: `caution` times it was halved, but no further than to
 *  the smallest of the stages. */
export function nextCycle(
  stages: CycleStage[],
  goal: CycleGoal,
  kept: number,
  total: number,
  caution = 0,
): CycleStep | null {
  const sizes = goal.kind === 'size' ? goal.kept : []
  const next = sizes.find((size) => size < kept)
  if (goal.kind === 'size' && next === undefined) return null
  const { removed, iterations } = stageOf(stages, kept, total)
  const share = 1 - stepOf(stages, removed, caution)
  const target = Math.max(next ?? 1, Math.min(kept - 1, Math.floor(kept * share)))
  if (target >= kept) return null
  const isEnd = target === next || caution > 0
  return { target, iterations: isEnd ? Math.max(...stages.map((stage) => stage.iterations)) : iterations }
}

/** Whether the next cycle could be made smaller. */
export function canHalve(stages: CycleStage[], kept: number, total: number, caution: number): boolean {
  return stepOf(stages, stageOf(stages, kept, total).removed, caution) > smallestStep(stages)
}

/** Halves are of the logarithm of what is left: two of them remove as much as the whole. */
function stepOf(stages: CycleStage[], removed: number, caution: number): number {
  return caution === 0 ? removed : Math.max(smallestStep(stages), 1 - (1 - removed) ** (1 / 2 ** caution))
}

function smallestStep(stages: CycleStage[]): number {
  return Math.min(...stages.map(({ removed }) => removed))
}

/** Where a goal without a size is taken to end, for the progress shown. */
const LARGEST_COMPRESSION = 500

/** Cycles from `kept` parameters on, as they would go if nothing were found dead: for progress and estimates. */
export function plannedCycles(
  stages: CycleStage[],
  goal: CycleGoal,
  kept: number,
  total: number,
  caution = 0,
): CycleStep[] {
  const steps: CycleStep[] = []
  for (let left = kept; left > total / LARGEST_COMPRESSION || goal.kind === 'size';) {
    const step = nextCycle(stages, goal, left, total, caution)
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
