// What SQLite's refusals mean. The package follows node:sqlite and adds the result code of sqlite3.h as `sqliteCode`.

import { AppError } from '../net/errors'

/** https://www.sqlite.org/rescode.html */
const SQLITE = { busy: 5, readOnly: 8, ioError: 10, corrupt: 11, full: 13, cannotOpen: 14, notADatabase: 26 }

function resultCode(error: unknown): number {
  if (!(error instanceof Error) || !('sqliteCode' in error) || typeof error.sqliteCode !== 'number') return 0
  return error.sqliteCode & 0xff
}

/** Another connection, of this process or another, holds a lock that is in the way. */
export function isBusy(error: unknown): boolean {
  return resultCode(error) === SQLITE.busy
}

export function isCannotOpen(error: unknown): boolean {
  return resultCode(error) === SQLITE.cannotOpen
}

/** Content that is no database, or one whose pages contradict each other. */
export function isDamaged(error: unknown): boolean {
  return [SQLITE.corrupt, SQLITE.notADatabase].includes(resultCode(error))
}

/** An error of a write to `file` as an AppError; what has no known meaning stays as it is. */
export function databaseWriteError(error: unknown, file: string): unknown {
  switch (resultCode(error)) {
    case SQLITE.full:
      return new AppError('disk-full', 'the disk is full', {
        file,
        hint: 'free some space, then resume the run',
        cause: error,
      })
    case SQLITE.readOnly:
    case SQLITE.cannotOpen:
      return new AppError('read-only-folder', 'the file cannot be written here', {
        file,
        hint: 'give yourself write permission, or move the run to a folder that can be written, then resume it',
        cause: error,
      })
    case SQLITE.ioError:
      return new AppError('disk-error', 'the disk refused to read or write', {
        file,
        hint: 'check the disk, then resume the run',
        cause: error,
      })
    case SQLITE.corrupt:
    case SQLITE.notADatabase:
      return damagedHistory(file, error)
    default:
      return error
  }
}

export function damagedHistory(file: string, cause: unknown): AppError {
  return new AppError('damaged-history', 'the history of the run is damaged', {
    file,
    hint: 'resume or export the run, which its checkpoints allow: the damaged file is put aside then',
    cause,
  })
}
