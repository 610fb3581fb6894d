// A run left behind by format 1: test/fixtures/run-format-1 was written by that version, paused after iteration 160, with
// its checkpoint of iteration 150 (the newer one is left out, so that there is something to cut back).
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { afterAll, describe, expect, it } from 'vitest'

import { readHistory, type HistoryReader } from '../../../main/runs/HistoryReader'
import { RunFolder } from '../../../main/runs/RunFolder'
import { RunLock } from '../../../main/runs/RunLock'
import { runCompression } from '../../../main/runs/runner'
import { engineOrSkip, makeTinyModel } from './tinyModel'

const fixture = join(import.meta.dirname, '../../fixtures/run-format-1')
const root = mkdtempSync(join(tmpdir(), 'olmp-migrate-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))
let count = 0

function oldRun(): string {
  const folder = join(root, `run-${++count}`)
  cpSync(fixture, folder, { recursive: true })
  const state = join(folder, 'checkpoints/000000150/engine.state')
  writeFileSync(state, gunzipSync(readFileSync(`${state}.gz`)))
  rmSync(`${state}.gz`)
  return folder
}

function history<T>(run: RunFolder, work: (reader: HistoryReader) => T): T {
  const found = readHistory(run.historyFile, work)
  if (found === null) throw new Error('no history')
  return found
}

const stored = readFileSync(join(fixture, 'records.jsonl'), 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as { kind: string; records: { iteration: number; loss: number }[] })
const storedIterations = stored.flatMap((event) => (event.kind === 'iterations' ? event.records : []))
const storedLog = readFileSync(join(fixture, 'log.txt'), 'utf8').trim().split('\n')

describe('a run of format 1', () => {
  it('is brought over as it is opened, whole and exact, and keeps no old files', async () => {
    const run = await RunFolder.open(oldRun())
    expect(run.record).toMatchObject({ formatVersion: 2, id: 'run', state: 'paused' })
    const { iteration, loss } = history(run, (reader) => reader.iterations())
    expect([...iteration]).toEqual(storedIterations.map((record) => record.iteration))
    expect([...loss]).toEqual(storedIterations.map((record) => record.loss))
    expect([...history(run, (reader) => reader.tests().iteration)]).toEqual([0, 80])
    const searches = stored.flatMap((event) => (event.kind === 'search' ? event.records : []))
    const last = searches.at(-1)?.iteration
    expect(history(run, (reader) => reader.lastSearch())).toEqual(
      searches.filter((record) => record.iteration === last),
    )
    const { lines } = history(run, (reader) => reader.log({ limit: 1000 }))
    expect(lines.map(({ timeMs, text }) => `${new Date(timeMs).toISOString()} ${text}`)).toEqual(storedLog)
    for (const name of ['records.jsonl', 'log.txt', 'lock.json', 'history.db.new', 'history.db-wal'])
      expect(existsSync(join(run.path, name)), name).toBe(false)
    expect((await RunFolder.open(run.path)).record).toEqual(run.record)
  })

  it('is brought over once where many open it at the same time', async () => {
    const folder = oldRun()
    const opened = await Promise.all(Array.from({ length: 5 }, () => RunFolder.open(folder)))
    for (const run of opened) expect(run.record.formatVersion).toBe(2)
    expect(history(opened[0], (reader) => reader.iterations().iteration.length)).toBe(storedIterations.length)
  })

  it('is brought over again where that was cut short before run.json said so', async () => {
    const folder = oldRun()
    writeFileSync(join(folder, 'history.db'), 'half of it')
    writeFileSync(join(folder, 'history.db.new'), 'and of this')
    const run = await RunFolder.open(folder)
    expect(history(run, (reader) => reader.iterations().iteration.length)).toBe(storedIterations.length)
  })

  it('tells of lines that cannot be read, and leaves out a last one cut short', async () => {
    const folder = oldRun()
    const file = join(folder, 'records.jsonl')
    const lines = readFileSync(file, 'utf8').split('\n')
    lines[4] = lines[4].slice(0, 20)
    writeFileSync(file, `${lines.join('\n')}{"kind":"iter`)
    const run = await RunFolder.open(folder)
    const { lines: log } = history(run, (reader) => reader.log({ limit: 1000, levels: ['warning'] }))
    expect(log.map(({ text }) => text)).toEqual([
      'Lines 5 of records.jsonl could not be read and are left out',
    ])
  })

  it('is left alone while somebody works on it', { timeout: 30_000 }, async () => {
    const folder = oldRun()
    const lock = await RunLock.acquire(folder)
    await expect(RunFolder.open(folder)).rejects.toMatchObject({ code: 'run-in-use' })
    await lock.release()
    expect(existsSync(join(folder, 'records.jsonl'))).toBe(true)
    expect((await RunFolder.open(folder)).record.formatVersion).toBe(2)
  })

  const addon = engineOrSkip()
  it.skipIf(addon === null)('goes on from its checkpoint, cut back to it', async () => {
    if (addon === null) return
    const folder = oldRun()
    const model = join(root, 'model')
    await makeTinyModel(addon, model)
    const runFile = join(folder, 'run.json')
    const text = readFileSync(runFile, 'utf8').replaceAll('/models/tiny', model)
    writeFileSync(runFile, text)
    const run = await RunFolder.open(folder)
    const result = await runCompression(run, { addon, cacheFolder: join(root, 'cache') }, () => undefined)
    expect(result?.iterations).toBe(241)
    expect(result?.compression).toBeGreaterThan(1.5)
    expect([...history(run, (reader) => reader.iterations().iteration)]).toEqual(
      Array.from({ length: 241 }, (_, i) => i),
    )
    expect([...history(run, (reader) => reader.tests().iteration)]).toEqual([0, 80, 160, 240, 241])
    const { loss } = history(run, (reader) => reader.iterations())
    expect([...loss].slice(0, 150)).toEqual(storedIterations.slice(0, 150).map((record) => record.loss))
  })
})
