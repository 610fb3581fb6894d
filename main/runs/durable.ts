// Files that are there after a power failure, or not at all; and what the file system's refusals mean to a person.

import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { open, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'

import { AppError } from '../net/errors'

const REFUSALS: Record<string, { code: string; message: string; hint: string }> = {
  ENOSPC: { code: 'disk-full', message: 'the disk is full', hint: 'free some space, then resume the run' },
  EDQUOT: {
    code: 'disk-full',
    message: 'the disk quota is used up',
    hint: 'free some space, then resume the run',
  },
  EROFS: {
    code: 'read-only-folder',
    message: 'the file system is read-only',
    hint: 'move the run to a folder that can be written, then resume it',
  },
  EACCES: {
    code: 'read-only-folder',
    message: 'there is no permission to write here',
    hint: 'give yourself write permission, then resume the run',
  },
  EPERM: {
    code: 'read-only-folder',
    message: 'writing here is not permitted',
    hint: 'give yourself write permission, then resume the run',
  },
}

function errnoOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : ''
}

export function isMissing(error: unknown): boolean {
  return errnoOf(error) === 'ENOENT'
}

export function isThere(error: unknown): boolean {
  return ['EEXIST', 'ENOTEMPTY'].includes(errnoOf(error))
}

/** The engine's 'write-failed' carries the system's reason in its message (strerror). */
const ENGINE_REASONS: [RegExp, string][] = [
  [/no space left/i, 'ENOSPC'],
  [/quota/i, 'EDQUOT'],
  [/read-only/i, 'EROFS'],
  [/permission denied/i, 'EACCES'],
]

function refusalCode(error: Error): string {
  const code = errnoOf(error)
  if (code !== 'write-failed') return code
  return ENGINE_REASONS.find(([pattern]) => pattern.test(error.message))?.[1] ?? code
}

/** An error of the file system, or of the engine writing to it, as an AppError naming `file`; AppErrors and what has no
 *  known meaning stay as they are. */
export function writeError(error: unknown, file: string): unknown {
  if (error instanceof AppError || !(error instanceof Error)) return error
  const refusal = REFUSALS[refusalCode(error)]
  if (refusal === undefined) return error
  return new AppError(refusal.code, refusal.message, { file, hint: refusal.hint, cause: error })
}

/** Makes a folder's entries (names, renames) durable. Windows has no such call and needs none. */
export async function syncFolder(folder: string): Promise<void> {
  if (process.platform === 'win32') return
  await sync(folder, 'r')
}

/** Makes what was written to a file durable. */
export async function syncFile(file: string): Promise<void> {
  await sync(file, 'r+')
}

async function sync(path: string, flags: string): Promise<void> {
  const handle = await open(path, flags)
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

export async function writeSynced(file: string, content: string): Promise<void> {
  const handle = await open(file, 'w')
  try {
    await handle.writeFile(content)
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** Replaces the file as a whole: a reader sees the old content or the new, whatever happens in between. */
export async function replaceFile(file: string, content: string): Promise<void> {
  const temporary = `${file}.${process.pid}.tmp`
  try {
    await writeSynced(temporary, content)
    await rename(temporary, file)
    await syncFolder(dirname(file))
  } catch (error) {
    await rm(temporary, { force: true })
    throw writeError(error, file)
  }
}

export async function sha256(file: string): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(file, { highWaterMark: 1 << 20 })) hash.update(chunk)
  return hash.digest('hex')
}
