// Which points no other beats in both: more compression is better, and a higher value (accuracy, or its difference to the
// reference) is better.

export interface Point {
  compression: number
  value: number
}

/** The points that no other dominates, by ascending compression. Of equal points the first is kept. */
export function paretoFront<P extends Point>(points: P[]): P[] {
  const byCompression = points
    .map((point, index) => ({ point, index }))
    .sort(
      (a, b) =>
        b.point.compression - a.point.compression || b.point.value - a.point.value || a.index - b.index,
    )
  const front: P[] = []
  let best = -Infinity
  for (const { point } of byCompression) {
    if (!(point.value > best)) continue
    best = point.value
    front.push(point)
  }
  return front.reverse()
}
