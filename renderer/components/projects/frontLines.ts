// The tests of a project's runs in the plane of compression and accuracy.

import type { RunColumns, RunSummary } from '../../../preload/contract'

export interface FrontPoint {
  compression: number
  /** 0..1 */
  accuracy: number
  /** null: what the run ended with. */
  iteration: number | null
}

export interface FrontLine {
  run: RunSummary
  /** In the order of the iterations; what the run ended with is the last. */
  points: FrontPoint[]
}

/** One line per run that has been tested; without columns what its summary tells. */
export function frontLines(runs: RunSummary[], series: RunColumns[]): FrontLine[] {
  const columnsOf = new Map(series.map((columns) => [columns.runId, columns.tests]))
  return runs.flatMap((run) => {
    const tests = columnsOf.get(run.id)
    const points: FrontPoint[] = []
    tests?.iteration.forEach((iteration, i) => {
      const point = { iteration, compression: tests.compression[i], accuracy: tests.accuracy[i] }
      if (Number.isFinite(point.accuracy) && point.compression >= 1) points.push(point)
    })
    const end = run.result ?? (points.length === 0 ? run.latest : null)
    if (end !== null) {
      points.push({ compression: end.compression, accuracy: end.accuracy, iteration: null })
    }
    return points.length === 0 ? [] : [{ run, points }]
  })
}

/** Of what lies on the way, accuracies down to this much below the ends are shown. */
const depth = 0.02

/** The accuracies that the picture has to hold. */
export function shownAccuracies(lines: FrontLine[], reference: number | null): number[] {
  const ends = lines.map(({ points }) => points[points.length - 1].accuracy)
  const shown = reference === null ? ends : [...ends, reference]
  const floor = Math.min(...shown) - depth
  const all = lines.flatMap(({ points }) => points.map(({ accuracy }) => accuracy))
  return [...shown, ...all.filter((accuracy) => accuracy >= floor)]
}

/** The point nearest to a place of the picture, no farther than `reach` pixels. */
export function nearest(
  lines: FrontLine[],
  place: { x: number; y: number },
  toPixels: (point: FrontPoint) => { x: number; y: number },
  reach: number,
): { line: FrontLine; point: FrontPoint } | null {
  let found: { line: FrontLine; point: FrontPoint } | null = null
  let least = reach
  for (const line of lines) {
    for (const point of line.points) {
      const { x, y } = toPixels(point)
      const distance = Math.hypot(x - place.x, y - place.y)
      if (distance > least) continue
      least = distance
      found = { line, point }
    }
  }
  return found
}
