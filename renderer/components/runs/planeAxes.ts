// Ranges of the plane of compression and accuracy.

/** Whole decades from 1 that hold all the ratios; at least one. */
export function decadesOf(ratios: number[]): number {
  return Math.max(1, Math.ceil(Math.log10(Math.max(1, ...ratios)) - 1e-9))
}

/** Every decade, and what lies between where there are few. */
export function ratioTicks(decades: number): number[] {
  const steps = decades <= 2 ? [1, 2, 5] : [1]
  const below = Array.from({ length: decades }, (_, power) => steps.map((step) => step * 10 ** power)).flat()
  return [...below, 10 ** decades]
}

/** From tick to tick around the values, with a little room; ticks are 1, 2 or 5 times a power of ten apart. */
export function niceRange(values: number[], wanted = 5): { low: number; high: number; ticks: number[] } {
  const least = Math.min(...values)
  const largest = Math.max(...values)
  const span = Math.max(largest - least, 0.002)
  const rough = (span * 1.1) / wanted
  const magnitude = 10 ** Math.floor(Math.log10(rough))
  const step = (([1, 2, 5].find((factor) => factor * magnitude >= rough) ?? 10) as number) * magnitude
  const first = Math.floor((least - span * 0.05) / step)
  const last = Math.max(first + 1, Math.ceil((largest + span * 0.05) / step))
  const ticks = Array.from({ length: last - first + 1 }, (_, index) =>
    Number(((first + index) * step).toPrecision(12)),
  )
  return { low: ticks[0], high: ticks[ticks.length - 1], ticks }
}
