// One process works on a run at a time. The lock is the operating system's own, taken by SQLite (an exclusive
// transaction on an empty database), which has it on every system and inside a process as well as between processes:
// the kernel gives it back when its process dies, however it dies, so that there is no stale lock to judge.
// lock.json beside it only names the owner.
// No code may open run.lock but by SQLite: POSIX drops a process's locks on a file when any of its handles is closed.

import { readFileSync } from 'node:fs'
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

import { DatabaseSync, type DatabaseSyncInstance } from '@photostructure/sqlite'

import { AppError } from '../net/errors'
import { writeError } from './durable'
import { databaseWriteError, isBusy, isCannotOpen } from './sqlite'

const LOCK_FILE = 'run.lock'
const OWNER_FILE = 'lock.json'

/** Somebody who asks holds the lock for an instant; an owner keeps it. */
const askingMs = 100
const askAgainMs = 5

export class RunLock {
  private constructor(
    private readonly runFolder: string,
    private readonly database: DatabaseSyncInstance,
  ) {}

  /** Throws AppError 'run-in-use' where another process, or another owner in this one, holds the run. */
  static async acquire(runFolder: string): Promise<RunLock> {
    const database = await exclusive(runFolder)
    const lock = new RunLock(runFolder, database)
    try {
      await writeFile(join(runFolder, OWNER_FILE), `${JSON.stringify({ pid: process.pid })}\n`)
      return lock
    } catch (error) {
      await lock.release()
      throw writeError(error, runFolder)
    }
  }

  /** Whether a living process works on the run. */
  static async isHeld(runFolder: string): Promise<boolean> {
    const file = join(runFolder, LOCK_FILE)
    let database: DatabaseSyncInstance | null = null
    try {
      database = new DatabaseSync(file, { readOnly: true, timeout: 0 })
      // Reads the schema under a shared lock, which any number may hold and an owner lets nobody have.
      database.prepare('SELECT count(*) FROM sqlite_schema').get()
      return false
    } catch (error) {
      if (isBusy(error)) return true
      if (isCannotOpen(error)) return false
      throw databaseWriteError(error, file)
    } finally {
      database?.close()
    }
  }

  async release(): Promise<void> {
    // The name goes first: the next owner writes its own.
    await rm(join(this.runFolder, OWNER_FILE), { force: true })
    this.database.close()
  }
}

async function exclusive(runFolder: string): Promise<DatabaseSyncInstance> {
  const file = join(runFolder, LOCK_FILE)
  const until = performance.now() + askingMs
  for (;;) {
    let database: DatabaseSyncInstance | null = null
    try {
      database = new DatabaseSync(file, { timeout: 0 })
      database.exec('BEGIN EXCLUSIVE')
      return database
    } catch (error) {
      database?.close()
      if (!isBusy(error)) throw databaseWriteError(error, file)
      if (performance.now() > until) throw inUse(runFolder)
    }
    await new Promise((resolve) => setTimeout(resolve, askAgainMs * (0.5 + Math.random())))
  }
}

function inUse(runFolder: string): AppError {
  const pid = ownerOf(runFolder)
  const owner = pid === null ? 'another process' : `process ${pid}`
  return new AppError('run-in-use', `${owner} is working on this run`, {
    file: runFolder,
    hint: 'stop it there first',
  })
}

function ownerOf(runFolder: string): number | null {
  try {
    const value: unknown = JSON.parse(readFileSync(join(runFolder, OWNER_FILE), 'utf8'))
    if (typeof value !== 'object' || value === null || !('pid' in value)) return null
    return typeof value.pid === 'number' ? value.pid : null
  } catch {
    // Being written, or gone with its owner: the lock counts, not the name.
    return null
  }
}
