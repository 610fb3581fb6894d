// What the browser and the front compute, without a window.

import { describe, expect, it } from 'vitest'

import type { ProjectListItem, RunColumns, RunSummary } from '../../../preload/contract'
import { frontLines, nearest, shownAccuracies } from '../../../renderer/components/projects/frontLines'
import { matching, sorted } from '../../../renderer/components/projects/projectOrder'

const base: ProjectListItem = {
  id: 'a',
  name: 'a',
  created: '2026-01-01',
  lastOpened: null,
  folder: '/models/lenet',
  modelName: 'LeNet',
  sketch: [],
  parameters: 10,
  referenceAccuracy: null,
  obstacleCode: null,
  runs: 0,
  best: null,
  lastRun: null,
}
const names = (list: ProjectListItem[]) => list.map(({ name }) => name)

describe('the order of projects', () => {
  const list = [
    { ...base, name: 'net 10', lastOpened: '2026-01-02' },
    { ...base, name: 'Net 9', best: { runId: 'r', compression: 20, accuracy: 0.9 } },
    { ...base, name: 'alex', best: { runId: 'r', compression: 100, accuracy: 0.9 }, created: '2026-01-05' },
  ]

  it('reads numbers in names as numbers, and no capitals', () => {
    expect(names(sorted(list, { key: 'name', descending: false }))).toEqual(['alex', 'Net 9', 'net 10'])
  })

  it.each([true, false])('puts what is not known last (descending: %s)', (descending) => {
    expect(names(sorted(list, { key: 'compression', descending })).at(-1)).toBe('net 10')
  })

  it('takes the creation for the opening of one never opened', () => {
    expect(names(sorted(list, { key: 'opened', descending: true }))).toEqual(['alex', 'net 10', 'Net 9'])
  })

  it('finds every word, in name, net or folder', () => {
    expect(names(matching(list, ' LENET 9'))).toEqual(['Net 9'])
    expect(matching(list, 'googlenet')).toEqual([])
    expect(matching(list, '')).toHaveLength(3)
  })
})

const run = (
  id: string,
  result: { compression: number; accuracy: number } | null,
  latest: RunSummary['latest'],
) => ({ id, projectId: 'p', result, latest }) as unknown as RunSummary

function columns(runId: string, accuracy: number[], compression: number[]): RunColumns {
  const tests = {
    iteration: Float64Array.from(accuracy, (_, i) => i * 500),
    loss: new Float64Array(accuracy.length),
    accuracy: Float64Array.from(accuracy),
    compression: Float64Array.from(compression),
  }
  return { projectId: 'p', runId, tests } as unknown as RunColumns
}

describe('the front of a project', () => {
  const finished = run('a', { compression: 90, accuracy: 0.97 }, null)
  const begun = run('b', null, { iteration: 500, accuracy: 0.96, compression: 4 })

  it('draws the tests of a run, and what it ended with', () => {
    const [line] = frontLines([finished], [columns('a', [NaN, 0.5, 0.96], [1, 50, 88])])
    expect(line.points).toEqual([
      { iteration: 500, compression: 50, accuracy: 0.5 },
      { iteration: 1000, compression: 88, accuracy: 0.96 },
      { iteration: null, compression: 90, accuracy: 0.97 },
    ])
  })

  it('takes the last test where there are no columns, and leaves out what was never tested', () => {
    const lines = frontLines([begun, run('c', null, null)], [])
    expect(lines.map(({ run: { id }, points }) => [id, points])).toEqual([
      ['b', [{ iteration: null, compression: 4, accuracy: 0.96 }]],
    ])
  })

  it('does not stretch to a fall on the way', () => {
    const lines = frontLines([finished], [columns('a', [0.1, 0.96], [40, 88])])
    expect(Math.min(...shownAccuracies(lines, 0.9773))).toBe(0.96)
    expect(Math.max(...shownAccuracies(lines, 0.9773))).toBe(0.9773)
  })

  it('finds the nearest point within reach', () => {
    const lines = frontLines([finished, begun], [])
    const toPixels = (point: { compression: number }) => ({ x: point.compression, y: 0 })
    expect(nearest(lines, { x: 80, y: 0 }, toPixels, 30)?.line.run.id).toBe('a')
    expect(nearest(lines, { x: 10, y: 3 }, toPixels, 30)?.line.run.id).toBe('b')
    expect(nearest(lines, { x: 45, y: 0 }, toPixels, 30)).toBeNull()
  })
})
