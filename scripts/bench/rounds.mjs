// Two programs doing the same work in turn, so that what else the machine does meets both.

const sorted = (values) => [...values].sort((a, b) => a - b)
const median = (values) => sorted(values)[Math.floor(values.length / 2)]

/** `work()` of each of `sides` once a round, in turn; answers what each gave, round by round. */
export async function alternate(rounds, sides) {
  const results = sides.map(() => [])
  for (let round = 0; round < rounds; round++) {
    for (const [side, work] of sides.entries()) results[side].push(await work())
  }
  return results
}

/** Of one measure, `{ median, min }` per round. The spread is that of the rounds' medians, as a share of their median. */
export function summarise(rounds) {
  const medians = sorted(rounds.map((round) => round.median))
  const middle = median(medians)
  return {
    median: middle,
    min: Math.min(...rounds.map((round) => round.min)),
    spread: (medians.at(-1) - medians[0]) / middle,
  }
}

/** How many times as long the peer takes: of the medians within a round, the middle one; and of the minima over all. */
export function compare(ours, peer) {
  const ratios = ours.map((round, i) => peer[i].median / round.median)
  return {
    ours: summarise(ours),
    peer: summarise(peer),
    ratio: median(ratios),
    ratioOfMinima: summarise(peer).min / summarise(ours).min,
  }
}

/** Lines such as `  forward   median  812.0  min  790.1`, as native/bench prints them, in microseconds. */
export function parseTimes(text) {
  const times = {}
  for (const [, what, middle, least] of text.matchAll(/^\s+(.+?)\s+median\s+([\d.]+)\s+min\s+([\d.]+)$/gm)) {
    times[what] = { median: Number(middle), min: Number(least) }
  }
  return times
}
