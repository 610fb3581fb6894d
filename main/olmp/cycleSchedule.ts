// The arithmetic of the cycles: how far each one prunes, and the learning rates of a segment.

import type { CycleSettings, CycleStage, Growth } from './cycleSettings'

export interface CycleStep {
  /** Parameters that come back before the pruning. */
  grown: number
  /** Parameters kept at most after it. */
  target: number
  /** Of retraining. */
  iterations: number
  /** Rounds of growth and pruning at that size. */
  rounds: number
}

type Scheduled = Pick<CycleSettings, 'stages' | 'growth' | 'goal'>

/** The stage of a net that keeps `kept` of `total`. */
export function stageOf(stages: CycleStage[], kept: number, total: number): CycleStage {
  return stages.find(({ above }) => kept > above * total) ?? stages[stages.length - 1]
}

/** The next cycle of a net that keeps `kept`; null where the goal's smallest size is reached or nothing can go. A size
 *  asked for is not passed over: the cycle that would, ends on it. It is an end, so that it is retrained for as long as any;
 *  and so is a step that `largestStep` makes smaller, because a larger one lost too much. `hold`: with rounds, whether its
 *  size was asked for or not. */
export function nextCycle(
  { stages, growth, goal }: Scheduled,
  kept: number,
  total: number,
  { largestStep = 1, hold = false } = {},
): CycleStep | null {
  const sizes = goal.kind === 'size' ? goal.kept : []
  const next = sizes.find((size) => size < kept)
  if (goal.kind === 'size' && next === undefined) return null
  const { removed, iterations } = stageOf(stages, kept, total)
  const step = Math.min(removed, largestStep)
  const target = Math.max(next ?? 1, Math.min(kept - 1, Math.floor(kept * (1 - step))))
  if (target >= kept) return null
  const isEnd = hold || target === next || step < removed
  return {
    grown: grows(growth, kept, total) ? Math.round(growth.share * kept) : 0,
    target,
    iterations: isEnd ? Math.max(...stages.map((stage) => stage.iterations)) : iterations,
    rounds: growth !== null && (hold || target === next) ? roundsAt(growth, target / total) : 0,
  }
}

/** At a size that keeps this share of all parameters: where more are kept than growth in the cycles is for, the net gains less
 *  and a round takes longer, and there are fewer by as much. */
function roundsAt({ below, rounds }: Growth, share: number): number {
  return Math.floor(rounds * Math.min(1, below / share))
}

function grows(growth: Growth | null, kept: number, total: number): growth is Growth {
  return growth !== null && kept <= growth.below * total
}

/** A round of those of a step, from 0 on, for a net that keeps `kept`. */
export function nextRound(step: CycleStep, round: number, kept: number, growth: Growth): CycleStep {
  const { share, lastShare, rounds, retraining } = growth
  const grown = share * (lastShare / share) ** (round / Math.max(1, rounds - 1))
  return {
    grown: Math.max(0, Math.round(step.target * (1 + grown)) - kept),
    target: step.target,
    iterations: round + 1 === rounds ? step.iterations : retraining,
    rounds: 0,
  }
}

/** Of all the training of a step, its rounds included. */
export function iterationsOf(step: CycleStep, growth: Growth | null): number {
  if (growth === null) return step.iterations
  return (step.grown > 0 ? growth.iterations : 0) + step.iterations + iterationsOfRounds(step, growth)
}

/** Of the rounds of a step from this one on. */
export function iterationsOfRounds({ iterations, rounds }: CycleStep, growth: Growth, from = 0): number {
  const left = rounds - from
  return left === 0 ? 0 : left * growth.iterations + (left - 1) * growth.retraining + iterations
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
  scheduled: Scheduled,
  kept: number,
  total: number,
  largestStep = 1,
): CycleStep[] {
  const steps: CycleStep[] = []
  const isSized = scheduled.goal.kind === 'size'
  for (let left = kept; left > total / LARGEST_COMPRESSION || isSized;) {
    const step = nextCycle(scheduled, left, total, { largestStep })
    if (step === null) break
    steps.push(step)
    left = step.target
  }
  return steps
}

/** Rates of iterations [from, from + count) of a segment of `length`: a linear warming up, times half a cosine (Loshchilov,
 *  Hutter, SGDR, ICLR 2017, without restarts) that falls to the share `last` of the largest. */
export function segmentRates(
  { largest, last }: { largest: number; last: number },
  warmup: number,
  length: number,
  from: number,
  count: number,
): Float64Array {
  return Float64Array.from({ length: count }, (_, i) => {
    const t = from + i
    const cosine = last + 0.5 * (1 - last) * (1 + Math.cos((Math.PI * t) / length))
    return largest * cosine * Math.min(1, (t + 1) / Math.max(1, warmup))
  })
}
