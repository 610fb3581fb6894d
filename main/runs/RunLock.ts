// One process works on a run at a time. The lock names its owner by process id and start time, so that a lock left by a
// process that died is told from one in use, also where the id has been given to another process since.

import { readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

import { AppError } from '../net/errors'
import { isMissing, isThere, writeError } from './durable'

interface Owner {
  pid: number
  /** Boot and clock tick of the process's start; '' where the system does not tell. */
  started: string
}

const LOCK_FILE = 'lock.json'

/** Linux: boot id and field 22 of /proc/<pid>/stat (proc(5)). */
async function startOf(pid: number): Promise<string> {
  try {
    const [boot, stat] = await Promise.all([
      readFile('/proc/sys/kernel/random/boot_id', 'utf8'),
      readFile(`/proc/${pid}/stat`, 'utf8'),
    ])
    const afterName = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return `${boot.trim()}:${afterName[19]}`
  } catch {
    return ''
  }
}

function exists(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}

function parseOwner(text: string): Owner | null {
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value !== 'object' || value === null || !('pid' in value) || !('started' in value)) return null
    const { pid, started } = value
    return typeof pid === 'number' && typeof started === 'string' ? { pid, started } : null
  } catch {
    return null
  }
}

async function isAlive(owner: Owner): Promise<boolean> {
  if (!exists(owner.pid)) return false
  const started = await startOf(owner.pid)
  return started === '' || owner.started === '' || started === owner.started
}

async function read(file: string): Promise<string | null> {
  return readFile(file, 'utf8').catch((error: unknown) => {
    if (isMissing(error)) return null
    throw error
  })
}

/** Takes a stale lock away. Another process may have replaced it in the meantime: that one's is put back. */
async function removeStale(file: string, stale: string): Promise<void> {
  const aside = `${file}.${process.pid}.stale`
  try {
    await rename(file, aside)
  } catch (error) {
    if (isMissing(error)) return
    throw error
  }
  const taken = await read(aside)
  if (taken !== stale && taken !== null) await writeFile(file, taken, { flag: 'wx' }).catch(() => undefined)
  await rm(aside, { force: true })
}

export class RunLock {
  private constructor(private readonly file: string) {}

  /** Throws AppError 'run-in-use' where a living process holds the run. */
  static async acquire(runFolder: string): Promise<RunLock> {
    const file = join(runFolder, LOCK_FILE)
    const own = JSON.stringify({ pid: process.pid, started: await startOf(process.pid) })
    for (;;) {
      try {
        await writeFile(file, own, { flag: 'wx' })
        return new RunLock(file)
      } catch (error) {
        if (!isThere(error)) throw writeError(error, file)
      }
      const text = await read(file)
      if (text === null) continue
      const owner = parseOwner(text)
      if (owner !== null && (await isAlive(owner))) {
        throw new AppError('run-in-use', `process ${owner.pid} is working on this run`, {
          file: runFolder,
          hint: 'stop it there first',
        })
      }
      await removeStale(file, text)
    }
  }

  /** Whether a living process works on the run. */
  static async isHeld(runFolder: string): Promise<boolean> {
    const owner = parseOwner((await read(join(runFolder, LOCK_FILE))) ?? '')
    return owner !== null && isAlive(owner)
  }

  async release(): Promise<void> {
    await rm(this.file, { force: true })
  }
}
