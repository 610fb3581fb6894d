// Long series drawn short: what a screen cannot show is not handed to it.

export interface Points {
  x: Float64Array
  y: Float64Array
}

/** First index of the ascending `x` with a value of at least `value`. */
export function lowerBound(x: Float64Array, value: number): number {
  let low = 0
  let high = x.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (x[middle] < value) low = middle + 1
    else high = middle
  }
  return low
}

/** The part between two iterations, with one point beyond on either side, so that lines reach the edges. */
export function within({ x, y }: Points, from: number, to: number): Points {
  const start = Math.max(0, lowerBound(x, from) - 1)
  const end = Math.min(x.length, lowerBound(x, to) + 2)
  return { x: x.subarray(start, end), y: y.subarray(start, end) }
}

/**
 * At most about two points per bucket, the lowest and the highest of each in their order, so that a spike of one
 * iteration stays visible. A series short enough is returned as it is.
 */
export function thin(x: Float64Array, y: Float64Array, buckets: number): Points {
  if (x.length <= buckets * 2) return { x, y }
  const thinX = new Float64Array(buckets * 2)
  const thinY = new Float64Array(buckets * 2)
  let used = 0
  const keep = (index: number) => {
    thinX[used] = x[index]
    thinY[used++] = y[index]
  }
  for (let bucket = 0; bucket < buckets; bucket++) {
    const start = Math.floor((bucket * x.length) / buckets)
    const end = Math.floor(((bucket + 1) * x.length) / buckets)
    let low = start
    let high = start
    for (let index = start + 1; index < end; index++) {
      // A NaN compares as neither, so it is kept only where a bucket holds nothing else.
      if (y[index] < y[low] || Number.isNaN(y[low])) low = index
      if (y[index] > y[high] || Number.isNaN(y[high])) high = index
    }
    keep(Math.min(low, high))
    if (low !== high) keep(Math.max(low, high))
  }
  return { x: thinX.subarray(0, used), y: thinY.subarray(0, used) }
}
