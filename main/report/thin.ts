/** At most about two points per bucket, the lowest and the highest in their order: a spike of one iteration stays. */
export function thin(
  x: Float64Array,
  y: Float64Array,
  buckets: number,
): { x: ArrayLike<number>; y: ArrayLike<number> } {
  if (x.length <= 2 * buckets) return { x, y }
  const thinX: number[] = []
  const thinY: number[] = []
  for (let bucket = 0; bucket < buckets; bucket++) {
    const start = Math.floor((bucket * x.length) / buckets)
    const end = Math.floor(((bucket + 1) * x.length) / buckets)
    let low = start
    let high = start
    for (let index = start + 1; index < end; index++) {
      if (y[index] < y[low] || Number.isNaN(y[low])) low = index
      if (y[index] > y[high] || Number.isNaN(y[high])) high = index
    }
    for (const index of new Set([Math.min(low, high), Math.max(low, high)])) {
      thinX.push(x[index])
      thinY.push(y[index])
    }
  }
  return { x: thinX, y: thinY }
}
