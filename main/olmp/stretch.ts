// How many iterations to train in one call, so that records arrive at a steady pace whatever an iteration takes.

const LARGEST = 10_000
const LARGEST_GROWTH = 4

export class Stretch {
  iterations = 1

  constructor(private readonly targetMs: number) {}

  /** What the last call did. */
  took(iterations: number, elapsedMs: number): void {
    if (iterations === 0) return
    const fitting = Math.floor((this.targetMs * iterations) / Math.max(elapsedMs, 0.001))
    this.iterations = Math.max(1, Math.min(fitting, this.iterations * LARGEST_GROWTH, LARGEST))
  }
}
