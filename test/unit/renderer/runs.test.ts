// What the comparison of runs computes.
import { describe, expect, it } from 'vitest'

import { experimentSettings } from '../../../main/olmp/presets'
import type { RunRequest, RunSummary } from '../../../preload/contract'
import { niceRange, decadesOf } from '../../../renderer/components/runs/planeAxes'
import { paretoFront } from '../../../renderer/components/runs/pareto'
import { differenceOf, runColumns, secondsOf } from '../../../renderer/components/runs/runColumns'
import { seedGroups, spread } from '../../../renderer/components/runs/seedGroups'
import {
  extend,
  nothingSelected,
  onlyThose,
  selectAll,
  selectOne,
  toggle,
} from '../../../renderer/components/runs/selection'
import { seedlessKey, settingsRows } from '../../../renderer/components/runs/settingsDiff'
import { parseTags } from '../../../renderer/components/runs/tags'
import { passes } from '../../../renderer/components/runs/useRunTable'

function run(id: string, change: Partial<RunSummary> = {}): RunSummary {
  return {
    id,
    projectId: 'p',
    projectName: 'LeNet',
    name: '',
    notes: '',
    tags: [],
    state: 'finished',
    elsewhere: false,
    created: '2026-01-02T03:00:00Z',
    started: '2026-01-02T03:00:00Z',
    ended: '2026-01-02T03:01:40Z',
    iterations: 1000,
    seed: 1,
    searchMode: 'ncs',
    delta: 0.02,
    goal: null,
    device: 'cpu',
    threads: 1,
    progress: null,
    latest: null,
    parentRunId: null,
    result: null,
    error: null,
    ...change,
  }
}

const withResult = (id: string, seed: number, compression: number, accuracy: number): RunSummary =>
  run(id, {
    seed,
    result: {
      runDir: '',
      compression,
      accuracy,
      referenceAccuracy: 0.98,
      seed,
      iterations: 1001,
      sparsity: { total: 100, kept: 10, compression, compressionWeightsOnly: compression, layers: [] },
      seconds: { total: 60, train: 30, search: 20, test: 5, other: 5 },
    },
  })

const request = (seed: number, change: Partial<RunRequest> = {}): RunRequest => ({
  source: { folder: '/m' },
  settings: { ...experimentSettings('lenet-300-100', 'ncs'), seed },
  device: 'cpu',
  threads: 1,
  checkpointIntervalIterations: 100,
  keepCheckpoints: 3,
  ...change,
})

describe('paretoFront', () => {
  it('keeps what no other beats in both, by compression', () => {
    const points = [
      { compression: 10, value: 0.98 },
      { compression: 20, value: 0.97 },
      { compression: 15, value: 0.96 },
      { compression: 30, value: 0.9 },
      { compression: 5, value: 0.98 },
    ]
    expect(paretoFront(points)).toEqual([points[0], points[1], points[3]])
  })

  it('keeps the first of equals, and nothing that is not a number', () => {
    const equal = [
      { compression: 2, value: 0.5 },
      { compression: 2, value: 0.5 },
      { compression: 9, value: NaN },
    ]
    expect(paretoFront(equal)).toEqual([equal[0]])
    expect(paretoFront([])).toEqual([])
  })
})

describe('the diff of settings', () => {
  it('marks the rows that differ', () => {
    const rows = settingsRows([request(1), request(2, { threads: 2 })])
    expect(rows.filter(({ differs }) => differs)).toEqual([
      { name: 'seed', values: ['1', '2'], differs: true },
      { name: 'threads', values: ['1', '2'], differs: true },
    ])
    expect(rows.find(({ name }) => name === 'bounds.lower')?.values[0]).toBe(
      String(experimentSettings('lenet-300-100', 'ncs').bounds.lower),
    )
  })

  it('tells a setting that one has and the other has not', () => {
    const layers = [{ name: 'ip1', prune: false }]
    const other = request(1, { settings: { ...request(1).settings, layers } })
    const row = settingsRows([request(1), other]).find(({ name }) => name === 'layers')
    expect(row).toMatchObject({ differs: true })
    expect(row?.values[1]).toBe('ip1: prune false')
  })
})

describe('runs over seeds', () => {
  it('takes those together that differ in the seed alone', () => {
    expect(seedlessKey(request(1))).toBe(seedlessKey(request(2)))
    expect(seedlessKey(request(1))).not.toBe(seedlessKey(request(1, { threads: 2 })))
    const groups = seedGroups([
      { run: withResult('a', 1, 10, 0.97), request: request(1) },
      { run: withResult('b', 2, 14, 0.99), request: request(2) },
      { run: withResult('c', 3, 99, 0.5), request: request(3, { threads: 2 }) },
      { run: run('d', { seed: 4 }), request: request(4) },
    ])
    expect(groups).toHaveLength(1)
    expect(groups[0].seeds).toEqual([1, 2])
    expect(groups[0].compression).toEqual({ mean: 12, deviation: Math.sqrt(8), least: 10, largest: 14 })
    expect(groups[0].difference.mean).toBeCloseTo(0)
  })

  it('knows no spread of one value', () => {
    expect(spread([3])).toEqual({ mean: 3, deviation: NaN, least: 3, largest: 3 })
  })
})

describe('selection', () => {
  const rows = ['a', 'b', 'c', 'd']

  it('toggles, extends from the anchor in both directions, and keeps the order of the table', () => {
    const two = toggle(selectOne('c'), 'a', rows)
    expect(two.selected).toEqual(['a', 'c'])
    expect(toggle(two, 'c', rows).selected).toEqual(['a'])
    expect(extend(selectOne('c'), 'a', rows).selected).toEqual(['a', 'b', 'c'])
    expect(extend(selectOne('b'), 'd', rows).selected).toEqual(['b', 'c', 'd'])
    expect(extend(nothingSelected, 'b', rows).selected).toEqual(['b'])
    expect(selectAll(rows).selected).toEqual(rows)
  })

  it('forgets rows that are gone', () => {
    expect(onlyThose(selectAll(rows), ['b', 'd'])).toEqual({ selected: ['b', 'd'], anchor: null })
  })
})

describe('the table', () => {
  const columns = runColumns(
    () => 0.9,
    (column, { [column]: value }) => value,
  )
  const column = (id: string) => columns.find((candidate) => candidate.id === id)

  it('shows the last test of a run that has no result, against the reference of its project', () => {
    const unfinished = run('a', { latest: { iteration: 5, accuracy: 0.95, compression: 7.25 } })
    expect(column('accuracy')?.text(unfinished)).toBe('95.00%')
    expect(column('compression')?.text(unfinished)).toBe('7.3×')
    expect(column('difference')?.text(unfinished)).toBe('+5.00 points')
    expect(column('kept')?.text(unfinished)).toBe('')
    expect(column('kept')?.value(unfinished)).toBeUndefined()
    expect(differenceOf(withResult('b', 1, 2, 0.97), 0.9)).toBeCloseTo(-0.01)
  })

  it('times a run by its result, else from start to end', () => {
    expect(secondsOf(withResult('a', 1, 2, 0.9))).toBe(60)
    const progress = { iteration: 5, iterations: 1001 }
    expect(secondsOf(run('b', { state: 'stopped', progress }))).toBe(100)
    expect(secondsOf(run('b', { state: 'stopped' }))).toBeUndefined()
    expect(secondsOf(run('c', { state: 'queued' }))).toBeUndefined()
  })

  it('filters by words in any column, state, project and tag', () => {
    const tagged = run('a', { tags: ['paper'], name: 'First try' })
    const all = { text: '', state: 'all', projectId: null, tag: null } as const
    expect(passes(tagged, { ...all, text: 'TRY lenet' }, columns)).toBe(true)
    expect(passes(tagged, { ...all, text: 'try absent' }, columns)).toBe(false)
    expect(passes(tagged, { ...all, tag: 'paper', state: 'finished', projectId: 'p' }, columns)).toBe(true)
    expect(passes(tagged, { ...all, state: 'failed' }, columns)).toBe(false)
    expect(passes(tagged, { ...all, projectId: 'q' }, columns)).toBe(false)
  })

  it('reads tags as typed, once each, with commas of either script', () => {
    expect(parseTags(' a, b b ,，a,c；')).toEqual(['a', 'b b', 'c'])
  })
})

describe('axes of the front', () => {
  it('holds all values between round ticks', () => {
    const { low, high, ticks } = niceRange([0.9712, 0.9809])
    expect(low).toBeLessThan(0.9712)
    expect(high).toBeGreaterThan(0.9809)
    expect(ticks).toContain(0.98)
    expect(niceRange([0.5]).ticks.length).toBeGreaterThan(1)
    expect(decadesOf([1, 100])).toBe(2)
    expect(decadesOf([])).toBe(1)
  })
})
