// The history of a run, <run>/history.db: what it said while it ran, as tables of an SQLite database. One per run, so that
// a run's folder is whole in itself (it is moved, copied, deleted and sent as one) and a run that is writing never gets in
// the way of another. WAL: the app and the terminal read while the engine process writes.
//
// Every row has the number of the event it came with: rising, the position a checkpoint keeps.

import { rename, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'

import { DatabaseSync, type DatabaseSyncInstance } from '@photostructure/sqlite'

import { AppError } from '../net/errors'
import { isMissing } from './durable'
import { isDamaged } from './sqlite'

export const HISTORY_FILE = 'history.db'

const SCHEMA_VERSION = 1

/** Tables that a resume cuts back. */
export const HISTORY_TABLES = [
  'iterations',
  'tests',
  'searches',
  'candidates',
  'densities',
  'phases',
  'log',
] as const

// A value that is not known (NaN) is NULL.
const SCHEMA = `
CREATE TABLE iterations (
  iteration INTEGER PRIMARY KEY, event INTEGER NOT NULL,
  loss REAL, accuracy REAL, learning_rate REAL, compression REAL
);
CREATE TABLE tests (
  event INTEGER PRIMARY KEY,
  iteration INTEGER NOT NULL, accuracy REAL, loss REAL, compression REAL, images INTEGER NOT NULL
);
CREATE TABLE searches (
  iteration INTEGER NOT NULL, generation INTEGER NOT NULL, event INTEGER NOT NULL, best_kept REAL,
  PRIMARY KEY (iteration, generation)
) WITHOUT ROWID;
CREATE TABLE candidates (
  iteration INTEGER NOT NULL, generation INTEGER NOT NULL, candidate INTEGER NOT NULL, event INTEGER NOT NULL,
  kept REAL, accuracy REAL, feasible INTEGER NOT NULL,
  PRIMARY KEY (iteration, generation, candidate)
) WITHOUT ROWID;
CREATE TABLE densities (
  iteration INTEGER NOT NULL, layer INTEGER NOT NULL, event INTEGER NOT NULL, kept REAL,
  PRIMARY KEY (iteration, layer)
) WITHOUT ROWID;
CREATE TABLE phases (
  event INTEGER PRIMARY KEY,
  phase TEXT NOT NULL, text TEXT NOT NULL, iteration INTEGER NOT NULL, iterations INTEGER NOT NULL,
  cycle_number INTEGER, cycle_of INTEGER, cycle_step TEXT
);
CREATE TABLE log (
  number INTEGER PRIMARY KEY, event INTEGER NOT NULL,
  time_ms INTEGER NOT NULL, level TEXT NOT NULL, text TEXT NOT NULL
);
-- The last event that a checkpoint relies on.
CREATE TABLE position (id INTEGER PRIMARY KEY CHECK (id = 1), event INTEGER NOT NULL);
-- Of a history brought over from format 1: where each event's line ended in records.jsonl or log.txt, by which the
-- checkpoints of that time say their position.
CREATE TABLE imported (event INTEGER PRIMARY KEY, file TEXT NOT NULL, end_bytes INTEGER NOT NULL);
PRAGMA user_version = ${SCHEMA_VERSION};
`

/** For the run's owner. Makes the tables where the file is new. Throws what SQLite throws, and AppError 'newer-run'. */
export function openForWriting(file: string): DatabaseSyncInstance {
  const database = new DatabaseSync(file, { timeout: 5000 })
  try {
    database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL')
    const { user_version: version } = database.prepare('PRAGMA user_version').get() as {
      user_version: number
    }
    if (version > SCHEMA_VERSION) throw newer(file, version)
    if (version === 0) inTransaction(database, () => database.exec(SCHEMA))
    return database
  } catch (error) {
    database.close()
    throw error
  }
}

export function openForReading(file: string): DatabaseSyncInstance {
  const database = new DatabaseSync(file, { readOnly: true, timeout: 2000 })
  try {
    const { user_version: version } = database.prepare('PRAGMA user_version').get() as {
      user_version: number
    }
    if (version > SCHEMA_VERSION) throw newer(file, version)
    return database
  } catch (error) {
    database.close()
    throw error
  }
}

/** Closes what openForWriting opened, and leaves one plain file that can also be read where nothing may be written.
 *  Where that fails (a reader at it just then, a full disk) all is in the WAL beside it, which is as good. */
export function closeWritten(database: DatabaseSyncInstance): void {
  try {
    database.exec('PRAGMA busy_timeout = 100; PRAGMA journal_mode = DELETE')
  } catch {
    // tidying, no more: what was to be on disk has been synced
  } finally {
    database.close()
  }
}

/** Whether the content can be read and agrees with itself. A file that is not there yet is whole. */
export function isWhole(file: string): boolean {
  let database: DatabaseSyncInstance | null = null
  try {
    database = openForWriting(file)
    const [first] = database.prepare('PRAGMA quick_check(1)').all() as { quick_check: string }[]
    return first.quick_check === 'ok'
  } catch (error) {
    if (isDamaged(error)) return false
    throw error
  } finally {
    database?.close()
  }
}

/** Out of the way of a new history, where a person can still have it looked at. */
export async function putAside(file: string): Promise<void> {
  await rename(file, join(dirname(file), `damaged-${basename(file)}`)).catch((error: unknown) => {
    if (!isMissing(error)) throw error
  })
  await removeHistory(file)
}

/** With what SQLite keeps beside it. */
export async function removeHistory(file: string): Promise<void> {
  for (const suffix of ['', '-wal', '-shm']) await rm(`${file}${suffix}`, { force: true })
}

export function inTransaction<T>(database: DatabaseSyncInstance, work: () => T): T {
  database.exec('BEGIN IMMEDIATE')
  try {
    const answer = work()
    database.exec('COMMIT')
    return answer
  } catch (error) {
    // SQLite ends the transaction itself after some errors (a full disk).
    if (database.isTransaction) database.exec('ROLLBACK')
    throw error
  }
}

function newer(file: string, version: number): AppError {
  return new AppError('newer-run', `the history was written by a newer version (format ${version})`, {
    file,
    hint: 'update the program',
  })
}
