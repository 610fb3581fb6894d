// Runs of format 1 had their history in records.jsonl (a RunEvent a line) and log.txt. It is brought over into history.db
// as a whole: until run.json says format 2 the old files are the truth, and are left alone.

import { open, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'

import type { DatabaseSyncInstance } from '@photostructure/sqlite'

import { AppError } from '../net/errors'
import { isMissing, replaceFile, syncFolder } from './durable'
import { closeWritten, HISTORY_FILE, inTransaction, openForWriting, removeHistory } from './historyFile'
import { HistoryWriter } from './HistoryWriter'
import { RunLock } from './RunLock'
import { databaseWriteError } from './sqlite'
import type { LogLevel, RunEvent } from './types'

const RECORDS_FILE = 'records.jsonl'
const LOG_FILE = 'log.txt'
const waitMs = 3000

/** Changes nothing where the run is of format 2 already. Throws AppError 'run-in-use' where somebody works on the run. */
export async function migrateRun(folder: string): Promise<void> {
  const lock = await lockOf(folder)
  try {
    const runFile = join(folder, 'run.json')
    const record = JSON.parse(await readFile(runFile, 'utf8')) as { formatVersion: number }
    if (record.formatVersion !== 1) return
    await importHistory(folder)
    await replaceFile(runFile, `${JSON.stringify({ ...record, formatVersion: 2 }, null, 2)}\n`)
    for (const name of [RECORDS_FILE, LOG_FILE]) await rm(join(folder, name), { force: true })
  } finally {
    await lock.release()
  }
}

/** Somebody else may be bringing the same run over. */
async function lockOf(folder: string): Promise<RunLock> {
  const until = performance.now() + waitMs
  for (;;) {
    try {
      return await RunLock.acquire(folder)
    } catch (error) {
      const inUse = error instanceof AppError && error.code === 'run-in-use'
      if (!inUse || performance.now() > until) throw error
    }
  }
}

async function importHistory(folder: string): Promise<void> {
  const file = join(folder, HISTORY_FILE)
  const fresh = `${file}.new`
  await removeHistory(fresh)
  const [records, log] = await Promise.all([linesOf(folder, RECORDS_FILE), linesOf(folder, LOG_FILE)])
  try {
    const database = openForWriting(fresh)
    try {
      inTransaction(database, () => importLines(database, records, log))
    } finally {
      // Brings all into the one file.
      closeWritten(database)
    }
  } catch (error) {
    throw databaseWriteError(error, fresh)
  }
  const handle = await open(fresh, 'r+')
  await handle.sync()
  await handle.close()
  await removeHistory(file)
  await rename(fresh, file)
  await syncFolder(folder)
}

interface Line {
  text: string
  endBytes: number
}

async function linesOf(folder: string, name: string): Promise<Line[]> {
  const bytes = await readFile(join(folder, name)).catch((error: unknown) => {
    if (isMissing(error)) return Buffer.alloc(0)
    throw error
  })
  const lines: Line[] = []
  // A last line without an end was cut short by a crash.
  for (let start = 0, end = bytes.indexOf(10); end >= 0; start = end + 1, end = bytes.indexOf(10, start))
    lines.push({ text: bytes.toString('utf8', start, end), endBytes: end + 1 })
  return lines
}

function importLines(database: DatabaseSyncInstance, records: Line[], log: Line[]): void {
  const writer = new HistoryWriter(database)
  const place = database.prepare('INSERT INTO imported VALUES (?, ?, ?)')
  let number = 0
  const add = (file: 'records' | 'log', event: RunEvent, endBytes: number): void => {
    number += 1
    writer.write(number, event)
    place.run(number, file, endBytes)
  }
  const unreadable: number[] = []
  records.forEach(({ text, endBytes }, index) => {
    const event = parseRecord(text)
    if (event === null) unreadable.push(index + 1)
    else add('records', event, endBytes)
  })
  for (const { text, endBytes } of log) {
    const event = parseLogLine(text)
    if (event !== null) add('log', event, endBytes)
  }
  if (unreadable.length === 0) return
  const text = `Lines ${unreadable.join(', ')} of ${RECORDS_FILE} could not be read and are left out`
  number += 1
  writer.write(number, { kind: 'log', timeMs: Date.now(), level: 'warning', text })
}

/** JSON has no NaN: accuracies and losses that were not measured come back from null. */
function parseRecord(line: string): RunEvent | null {
  try {
    return JSON.parse(line, (_key, value: unknown) => (value === null ? Number.NaN : value)) as RunEvent
  } catch {
    return null
  }
}

/** `2026-11-23T19:40:48.123Z warning: text`; the level is left out where it is info. */
function parseLogLine(line: string): RunEvent | null {
  const match = /^(\S{24}) (?:(warning|error): )?(.*)$/.exec(line)
  if (match === null) return null
  const level: LogLevel = match[2] === 'warning' || match[2] === 'error' ? match[2] : 'info'
  return { kind: 'log', timeMs: Date.parse(match[1]), level, text: match[3] }
}
