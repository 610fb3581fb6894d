import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'

import { readLog, readRecords, RunJournal, type JournalFiles } from '../../../main/runs/RunJournal'
import type { IterationRecord, RunEvent } from '../../../main/runs/types'

const root = mkdtempSync(join(tmpdir(), 'olmp-journal-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))
let count = 0

function files(): JournalFiles {
  count += 1
  return { recordsFile: join(root, `${count}.jsonl`), logFile: join(root, `${count}.txt`) }
}

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
const line = (text: string, level: 'info' | 'warning' = 'info'): RunEvent => ({
  kind: 'log',
  timeMs: 1e12,
  level,
  text,
})

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const item of items) all.push(item)
  return all
}

describe('RunJournal', () => {
  it('gives back what was appended, numbers exact and NaN as NaN', async () => {
    const at = files()
    const journal = await RunJournal.open(at, { recordsBytes: 0, logBytes: 0 })
    const events: RunEvent[] = [batch(0, 1), { kind: 'iterations', records: [record(2, Number.NaN)] }]
    events.forEach((event) => journal.append(event))
    journal.append(line('Iteration 0, loss = 2'))
    journal.append(line('two\nlines', 'warning'))
    journal.append({ kind: 'checkpoint', iteration: 1, folder: '/x', bytes: 3 })
    await journal.close()
    expect(await collect(readRecords(at.recordsFile))).toEqual(events)
    expect(await collect(readLog(at.logFile))).toEqual([
      line('Iteration 0, loss = 2'),
      line('two lines', 'warning'),
    ])
    expect(readFileSync(at.logFile, 'utf8').split('\n')[0]).toBe(
      '2001-09-09T01:46:40.000Z Iteration 0, loss = 2',
    )
  })

  it('is cut back to a checkpoint', async () => {
    const at = files()
    const first = await RunJournal.open(at, { recordsBytes: 0, logBytes: 0 })
    first.append(batch(0, 1))
    first.append(line('größer'))
    const position = await first.sync()
    expect(position.logBytes).toBe(readFileSync(at.logFile).length)
    first.append(batch(2, 3))
    first.append(line('later'))
    await first.close()
    appendFileSync(at.recordsFile, '{"kind":"iterations","rec')
    const second = await RunJournal.open(at, position)
    second.append(batch(2))
    expect((await second.sync()).recordsBytes).toBe(readFileSync(at.recordsFile).length)
    await second.close()
    expect(await collect(readRecords(at.recordsFile))).toEqual([batch(0, 1), batch(2)])
    expect((await collect(readLog(at.logFile))).map((event) => event.text)).toEqual(['größer'])
  })

  it('leaves out a last line cut short, and names any other that cannot be read', async () => {
    const at = files()
    writeFileSync(at.recordsFile, `${JSON.stringify(batch(0))}\n{"kind":"iter`)
    expect(await collect(readRecords(at.recordsFile))).toEqual([batch(0)])
    writeFileSync(at.recordsFile, `${JSON.stringify(batch(0))}\n{"kind":\n${JSON.stringify(batch(1))}\n`)
    await expect(collect(readRecords(at.recordsFile))).rejects.toMatchObject({
      code: 'damaged-records',
      line: 2,
    })
  })

  it('has nothing before the run has begun', async () => {
    expect(await collect(readRecords(join(root, 'none.jsonl')))).toEqual([])
    expect(await collect(readLog(join(root, 'none.txt')))).toEqual([])
  })

  it('tells a failure to write at the next sync', async () => {
    const journal = await RunJournal.open(
      { recordsFile: '/dev/full', logFile: files().logFile },
      { recordsBytes: 0, logBytes: 0 },
    )
    journal.append(batch(0))
    await expect(journal.sync()).rejects.toMatchObject({ code: 'disk-full', file: '/dev/full' })
    await journal.close()
  })
})
