import {
  copyFileSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from '@photostructure/sqlite'
import { afterAll, describe, expect, it } from 'vitest'

import { readHistory } from '../../../main/runs/HistoryReader'
import { JOURNAL_START, RunJournal } from '../../../main/runs/RunJournal'
import type { IterationRecord, LogLevel, RunEvent, SearchRecord } from '../../../main/runs/types'

const root = mkdtempSync(join(tmpdir(), 'olmp-journal-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))
let count = 0
const newFile = (): string => join(root, `${++count}.db`)

const record = (iteration: number, accuracy = 0.5): IterationRecord => ({
  iteration,
  loss: 1 / 3,
  accuracy,
  learningRate: 0.01,
  compression: 2,
})
const batch = (...iterations: number[]): RunEvent => ({
  kind: 'iterations',
  records: iterations.map((iteration) => record(iteration)),
})
const line = (text: string, level: LogLevel = 'info'): RunEvent => ({
  kind: 'log',
  timeMs: 1e12,
  level,
  text,
})
const search = (iteration: number, generation: number): SearchRecord => ({
  iteration,
  generation,
  kept: [0.5, 0.25],
  accuracy: [0.9, Number.NaN],
  feasible: [true, false],
  bestKept: 0.5 / generation,
})

function read<T>(file: string, work: Parameters<typeof readHistory<T>>[1]): T {
  const found = readHistory(file, work)
  if (found === null) throw new Error('no history')
  return found
}
const iterationsOf = (file: string): number[] => [...read(file, (history) => history.iterations().iteration)]
const textsOf = (file: string): string[] =>
  read(file, (history) => history.log({ limit: 1000 })).lines.map(({ text }) => text)

async function written(file: string, events: RunEvent[]): Promise<number> {
  const journal = await RunJournal.open(file, JOURNAL_START)
  events.forEach((event) => journal.append(event))
  const { event } = await journal.sync()
  await journal.close()
  return event
}

describe('RunJournal', () => {
  it('gives back what was appended, numbers exact and NaN as NaN', async () => {
    const file = newFile()
    await written(file, [
      { kind: 'phase', phase: 'preparing', text: 'Opening', iteration: 0, iterations: 9 },
      batch(0, 1),
      { kind: 'iterations', records: [record(2, Number.NaN)] },
      { kind: 'test', record: { iteration: 2, accuracy: 0.97, loss: 0.1, compression: 2, images: 10_000 } },
      { kind: 'search', records: [search(1, 1), search(1, 2)] },
      { kind: 'search', records: [search(2, 1), search(2, 2)] },
      {
        kind: 'densities',
        records: [
          { iteration: 0, kept: [1, 1] },
          { iteration: 2, kept: [0.1, 0.7] },
        ],
      },
      line('Iteration 0, loss = 2'),
      line('two\nlines', 'warning'),
      { kind: 'checkpoint', iteration: 1, folder: '/x', bytes: 3 },
      {
        kind: 'phase',
        phase: 'pruning',
        text: 'Cycle 1',
        iteration: 2,
        iterations: 9,
        cycle: { number: 1, of: 3, step: 'training' },
      },
    ])
    expect(read(file, (history) => history.iterations())).toEqual({
      iteration: Float64Array.of(0, 1, 2),
      loss: Float64Array.of(1 / 3, 1 / 3, 1 / 3),
      accuracy: Float64Array.of(0.5, 0.5, Number.NaN),
      learningRate: Float64Array.of(0.01, 0.01, 0.01),
      compression: Float64Array.of(2, 2, 2),
    })
    expect(read(file, (history) => history.tests()).accuracy).toEqual(Float64Array.of(0.97))
    expect(read(file, (history) => history.lastTest())?.images).toBe(10_000)
    expect(read(file, (history) => history.lastSearch())).toEqual([search(2, 1), search(2, 2)])
    expect(read(file, (history) => history.densities())).toEqual({
      iteration: Float64Array.of(0, 2),
      kept: [Float64Array.of(1, 0.1), Float64Array.of(1, 0.7)],
    })
    expect(read(file, (history) => history.lastPhase())).toEqual({
      phase: 'pruning',
      text: 'Cycle 1',
      iteration: 2,
      iterations: 9,
      cycle: { number: 1, of: 3, step: 'training' },
    })
    expect(read(file, (history) => history.log({ limit: 9 })).lines).toEqual([
      { number: 1, timeMs: 1e12, level: 'info', text: 'Iteration 0, loss = 2' },
      { number: 2, timeMs: 1e12, level: 'warning', text: 'two lines' },
    ])
  })

  it('is cut back to a checkpoint', async () => {
    const file = newFile()
    const first = await RunJournal.open(file, JOURNAL_START)
    first.append(batch(0, 1))
    first.append(line('größer'))
    const position = await first.sync()
    first.append(batch(2, 3))
    first.append({ kind: 'search', records: [search(3, 1)] })
    first.append({ kind: 'densities', records: [{ iteration: 3, kept: [0.5] }] })
    first.append(line('later'))
    await first.close()
    expect(iterationsOf(file)).toEqual([0, 1, 2, 3])
    const second = await RunJournal.open(file, position)
    second.append(batch(2))
    second.append(line('again'))
    expect((await second.sync()).event).toBe(position.event + 2)
    await second.close()
    expect(iterationsOf(file)).toEqual([0, 1, 2])
    expect(textsOf(file)).toEqual(['größer', 'again'])
    expect(read(file, (history) => history.lastSearch())).toEqual([])
    expect(read(file, (history) => history.densities().iteration.length)).toBe(0)
  })

  it('is read while it is written', async () => {
    const file = newFile()
    const journal = await RunJournal.open(file, JOURNAL_START)
    for (let i = 0; i < 20; i++) {
      journal.append(batch(i))
      await journal.sync()
      expect(iterationsOf(file).length).toBe(i + 1)
    }
    await journal.close()
    expect(iterationsOf(file).length).toBe(20)
    expect(readdirSync(root).filter((name) => name.startsWith(`${count}.db`))).toEqual([`${count}.db`])
  })

  it('has nothing before the run has begun', () => {
    expect(readHistory(newFile(), (history) => history.iterations())).toBeNull()
  })

  it('puts a damaged history aside and begins anew, numbers going on', async () => {
    const file = newFile()
    const event = await written(file, [batch(...Array.from({ length: 2000 }, (_, i) => i))])
    truncateSync(file, Math.floor(statSync(file).size / 2))
    expect(() => readHistory(file, (history) => history.iterations())).toThrow(
      expect.objectContaining({ code: 'damaged-history', file, hint: expect.stringContaining('put aside') }),
    )
    const journal = await RunJournal.open(file, { event })
    expect(journal.putAside).toBe(true)
    journal.append(batch(2000))
    expect((await journal.sync()).event).toBe(event + 1)
    await journal.close()
    expect(iterationsOf(file)).toEqual([2000])
    expect(existsSync(join(root, `damaged-${count}.db`))).toBe(true)
  })

  it('names a file that is no database, and one of a newer version', async () => {
    const file = newFile()
    writeFileSync(file, 'no database at all, but long enough to have a header of its own'.repeat(20))
    expect(() => readHistory(file, () => 1)).toThrow(expect.objectContaining({ code: 'damaged-history' }))
    const newer = newFile()
    const database = new DatabaseSync(newer)
    database.exec('PRAGMA user_version = 9; CREATE TABLE log (number)')
    database.close()
    expect(() => readHistory(newer, () => 1)).toThrow(expect.objectContaining({ code: 'newer-run' }))
    await expect(RunJournal.open(newer, JOURNAL_START)).rejects.toMatchObject({ code: 'newer-run' })
  })

  it('tells a failure to write at the next sync', async () => {
    const file = newFile()
    const journal = await RunJournal.open(file, JOURNAL_START)
    const other = new DatabaseSync(file)
    other.exec('DROP TABLE log')
    other.close()
    journal.append(line('lost'))
    await expect(journal.sync()).rejects.toThrow(/log/)
    await journal.close()
  })

  it('cannot be written where nothing may be', async () => {
    await expect(RunJournal.open('/proc/none/history.db', JOURNAL_START)).rejects.toMatchObject({
      code: 'read-only-folder',
      file: '/proc/none/history.db',
    })
  })

  it('survives as it was at the last sync when only its files are taken over', async () => {
    const file = newFile()
    const journal = await RunJournal.open(file, JOURNAL_START)
    journal.append(batch(0, 1, 2))
    await journal.sync()
    const copy = newFile()
    copyFileSync(file, copy)
    copyFileSync(`${file}-wal`, `${copy}-wal`)
    await journal.close()
    expect(iterationsOf(copy)).toEqual([0, 1, 2])
  })
})

describe('HistoryReader', () => {
  it('pages, searches and filters the log', async () => {
    const file = newFile()
    const lines = Array.from({ length: 100 }, (_, i) =>
      line(`Iteration ${i}, loss = 50%_\\`, i % 10 === 3 ? 'warning' : 'info'),
    )
    await written(file, lines)
    const log = (query: Parameters<Parameters<Parameters<typeof readHistory>[1]>[0]['log']>[0]) =>
      read(file, (history) => history.log(query))
    expect(log({ limit: 3 })).toMatchObject({
      total: 100,
      more: true,
      lines: [{ number: 98 }, { number: 99 }, { number: 100 }],
    })
    expect(log({ limit: 3, before: 3 })).toMatchObject({
      total: 100,
      more: false,
      lines: [{ number: 1 }, { number: 2 }],
    })
    expect(log({ limit: 100, levels: ['warning'] })).toMatchObject({ total: 10, more: false })
    expect(log({ limit: 100, levels: [] }).total).toBe(0)
    expect(log({ limit: 100, search: 'ITERATION 1' }).total).toBe(11)
    expect(log({ limit: 100, search: '%_\\' }).total).toBe(100)
    expect(log({ limit: 100, search: '5%' }).total).toBe(0)
    expect(log({ limit: 1, search: 'iteration 1', levels: ['warning'] })).toMatchObject({
      total: 1,
      lines: [{ number: 14 }],
    })
  })

  it('thins to about as many rows, keeping first, last, and every peak', async () => {
    const file = newFile()
    const records = Array.from({ length: 10_000 }, (_, i) => ({
      ...record(i),
      loss: i === 5003 ? 99 : i === 7777 ? -99 : Math.sin(i),
    }))
    await written(file, [{ kind: 'iterations', records }])
    const thinned = read(file, (history) => history.thinnedIterations(500))
    expect(thinned.iteration.length).toBeLessThanOrEqual(501)
    expect(thinned.iteration.length).toBeGreaterThan(400)
    expect([...thinned.iteration]).toEqual([...thinned.iteration].sort((a, b) => a - b))
    expect(thinned.iteration.at(-1)).toBe(9999)
    expect(thinned.loss[thinned.iteration.indexOf(5003)]).toBe(99)
    expect(thinned.loss[thinned.iteration.indexOf(7777)]).toBe(-99)
    thinned.iteration.forEach((iteration, i) => expect(thinned.loss[i]).toBe(records[iteration].loss))
    expect(read(file, (history) => history.thinnedIterations(20_000)).iteration.length).toBe(10_000)
  })
})
