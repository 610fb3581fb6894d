// Long series drawn short: what a screen cannot show is not handed to it.

export interface Points {
  x: Float64Array
  y: Float64Array
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

/** Exponential moving average with its start corrected (Kingma, Ba 2014, section 3); weight 0 is the series itself. */
export function smooth(y: Float64Array, weight: number): Float64Array {
  if (weight <= 0) return y
  const result = new Float64Array(y.length)
  let mean = 0
  let correction = 1
  for (let index = 0; index < y.length; index++) {
    if (Number.isFinite(y[index])) {
      mean = weight * mean + (1 - weight) * y[index]
      correction *= weight
    }
    result[index] = correction === 1 ? NaN : mean / (1 - correction)
  }
  return result
}
