/** Iterations per second over the last few seconds, and nothing before there is something to measure. */
export class Speed {
  private readonly samples: { timeMs: number; iteration: number }[] = []

  constructor(private readonly windowMs = 5000) {}

  at(timeMs: number, iteration: number): number | null {
    this.samples.push({ timeMs, iteration })
    while (this.samples.length > 2 && this.samples[0].timeMs < timeMs - this.windowMs) this.samples.shift()
    const first = this.samples[0]
    const elapsedMs = timeMs - first.timeMs
    return elapsedMs < 500 ? null : ((iteration - first.iteration) / elapsedMs) * 1000
  }
}
