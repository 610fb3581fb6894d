// Accuracy over a test set counts every image exactly once: so the test batch has to divide the set.

function divisors(value: number): number[] {
  const small: number[] = []
  for (let d = 1; d * d <= value; d++) if (value % d === 0) small.push(d)
  return [...small, ...small.map((d) => value / d)].sort((a, b) => a - b)
}

/** The batch size to test with: the stated one where it divides the entries; else the largest divisor below it, unless
 *  that is much smaller and there is one not much larger. */
export function coveringBatch(stated: number, entries: number): number {
  const all = divisors(entries)
  const below = all.filter((d) => d <= stated).at(-1) ?? 1
  const above = all.find((d) => d >= stated)
  const closeAbove = above !== undefined && above <= 4 * stated
  return below * 4 < stated && closeAbove ? above : below
}
