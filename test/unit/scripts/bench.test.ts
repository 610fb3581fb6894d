// What `npm run bench` makes of its measurements.

import { describe, expect, it } from 'vitest'

import { alternate, compare, parseTimes } from '../../../scripts/bench/rounds.mjs'

describe('the benchmarks', () => {
  it('let both sides work in turn', async () => {
    const order: string[] = []
    const side = (name: string) => () => order.push(name)
    expect(await alternate(2, [side('ours'), side('peer')])).toEqual([
      [1, 3],
      [2, 4],
    ])
    expect(order).toEqual(['ours', 'peer', 'ours', 'peer'])
  })

  it('compare medians within a round, and minima over all', () => {
    const ours = [
      { median: 10, min: 9 },
      { median: 20, min: 8 },
      { median: 12, min: 10 },
    ]
    const peer = [
      { median: 30, min: 28 },
      { median: 80, min: 24 },
      { median: 24, min: 24 },
    ]
    const { ours: mine, ratio, ratioOfMinima } = compare(ours, peer)
    expect(mine).toEqual({ median: 12, min: 8, spread: 10 / 12 })
    expect(ratio).toBe(3)
    expect(ratioOfMinima).toBe(3)
  })

  it('read the lines of the executables', () => {
    const text =
      'LeNet-5, 1 threads, 5.0 MB\n  conv1 forward   median   812.0  min   790.1\n  whole step  median 5.5  min 5\n'
    expect(parseTimes(text)).toEqual({
      'conv1 forward': { median: 812, min: 790.1 },
      'whole step': { median: 5.5, min: 5 },
    })
  })
})
