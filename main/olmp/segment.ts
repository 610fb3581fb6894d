// A stretch of training with rates of its own: the fine-tuning, or the retraining of a cycle.

import { segmentRates } from './cycleSchedule'

export interface Segment {
  done: number
  iterations: number
  /** After them, so many at rate 0: only running statistics move. */
  settling: number
  /** Share of the largest rate that the rates fall to; missing in checkpoints of before there was growth: 0. */
  lastRate?: number
  /** Mean training loss of its first and of its last iterations, as far as they are done. */
  firstLoss: number
  lastLoss: number
}

/** A batch of each is enough to tell a mean and a variance. */
const SETTLING = 100

/** `statistics`: the net has running statistics that are to be right at the end. A net that is not trained keeps its own. */
export function newSegment(iterations: number, statistics: boolean, lastRate = 0): Segment {
  const settling = statistics && iterations > 0 ? SETTLING : 0
  return { done: 0, iterations, settling, lastRate, firstLoss: 0, lastLoss: 0 }
}

export function lengthOf({ iterations, settling }: Segment): number {
  return iterations + settling
}

/** Statistics are about to be measured anew. */
export function isSettling({ done, iterations, settling }: Segment): boolean {
  return settling > 0 && done >= iterations
}

/** Of the next iterations, `count` at most: no further than to where settling begins, or to the end. */
export function nextRates(segment: Segment, count: number, largest: number, warmup: number): Float64Array {
  const { done, iterations, lastRate: last = 0 } = segment
  if (done >= iterations) return new Float64Array(Math.min(count, lengthOf(segment) - done))
  return segmentRates({ largest, last }, warmup, iterations, done, Math.min(count, iterations - done))
}

/** Iterations at either end: rates are still small in the first, and small again in the last. */
const LARGEST_END = 10

/** Takes rows of training, `width` numbers each, the loss the last but one, as done. */
export function addLosses(segment: Segment, rows: Float64Array, width: number): void {
  const { iterations } = segment
  const end = Math.max(1, Math.min(LARGEST_END, Math.floor(iterations / 10)))
  for (let at = width - 2; at < rows.length; at += width) {
    if (segment.done < end) segment.firstLoss += rows[at] / end
    if (segment.done >= iterations - end && segment.done < iterations) segment.lastLoss += rows[at] / end
    segment.done += 1
  }
}

/** Training that ends far above where it began has rates too large for the net. A loss near 0 may rise a little, where the
 *  weights decay faster than before. */
export function isDamaged({ iterations, firstLoss, lastLoss }: Segment): boolean {
  return iterations > 0 && lastLoss > 1.5 * firstLoss + 0.1
}
