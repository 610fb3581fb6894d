// What a run says while it runs, written to its history (historyFile.ts): many events a transaction, in order. After a
// resume the history is cut back to what it was at the checkpoint, so that nothing appears twice.

import type { DatabaseSyncInstance } from '@photostructure/sqlite'

import { closeWritten, HISTORY_TABLES, inTransaction, isWhole, openForWriting, putAside } from './historyFile'
import { HistoryWriter } from './HistoryWriter'
import { databaseWriteError } from './sqlite'
import type { RunEvent } from './types'

/** The last event written before a checkpoint. */
export interface HistoryPosition {
  event: number
}

/** As checkpoints of format 1 have it: lengths of records.jsonl and log.txt. */
export interface LegacyPosition {
  recordsBytes: number
  logBytes: number
}

export type JournalPosition = HistoryPosition | LegacyPosition

export const JOURNAL_START: HistoryPosition = { event: 0 }

/** Gathered so long before they are written. */
const gatherMs = 50

export class RunJournal {
  private pending: { number: number; event: RunEvent }[] = []
  private timer: NodeJS.Timeout | null = null
  private failure: unknown = null
  private readonly writer: HistoryWriter

  private constructor(
    private readonly file: string,
    private readonly database: DatabaseSyncInstance,
    private last: number,
    /** The history that was there could not be read and was put aside. */
    readonly putAside: boolean,
  ) {
    this.writer = new HistoryWriter(database)
  }

  /** Cut back to `at`. A damaged history does not hold a run up: it is put aside, and a new one begins. */
  static async open(file: string, at: JournalPosition): Promise<RunJournal> {
    try {
      const damaged = !isWhole(file)
      if (damaged) await putAside(file)
      const database = openForWriting(file)
      try {
        const last = inTransaction(database, () => cutBack(database, at))
        return new RunJournal(file, database, last, damaged)
      } catch (error) {
        database.close()
        throw error
      }
    } catch (error) {
      throw databaseWriteError(error, file)
    }
  }

  /** Returns at once; a failure to write shows at the next sync(). */
  append(event: RunEvent): void {
    this.last += 1
    this.pending.push({ number: this.last, event })
    this.timer ??= setTimeout(() => this.flush(), gatherMs)
  }

  /** Everything appended so far is on disk when this returns; answers where the history ends. */
  async sync(): Promise<HistoryPosition> {
    this.flush()
    if (this.failure !== null) throw this.failure
    try {
      // In WAL mode a commit under FULL syncs the log, and with it all that was committed before.
      this.database.exec('PRAGMA synchronous = FULL')
      const event = this.last
      inTransaction(this.database, () =>
        this.database.prepare('INSERT OR REPLACE INTO position VALUES (1, ?)').run(event),
      )
      this.database.exec('PRAGMA synchronous = NORMAL')
      return { event }
    } catch (error) {
      throw databaseWriteError(error, this.file)
    }
  }

  async close(): Promise<void> {
    this.flush()
    closeWritten(this.database)
  }

  private flush(): void {
    if (this.timer !== null) clearTimeout(this.timer)
    this.timer = null
    const batch = this.pending
    this.pending = []
    if (batch.length === 0 || this.failure !== null) return
    try {
      inTransaction(this.database, () => {
        for (const { number, event } of batch) this.writer.write(number, event)
      })
    } catch (error) {
      this.failure = databaseWriteError(error, this.file)
    }
  }
}

/** Answers the number of the last event that counts. */
function cutBack(database: DatabaseSyncInstance, at: JournalPosition): number {
  if ('event' in at) {
    for (const table of HISTORY_TABLES) database.prepare(`DELETE FROM ${table} WHERE event > ?`).run(at.event)
    return at.event
  }
  const { last } = database.prepare('SELECT coalesce(max(event), 0) AS last FROM imported').get() as {
    last: number
  }
  const { recordsBytes, logBytes } = at
  const late = `SELECT event FROM imported WHERE end_bytes > CASE file WHEN 'log' THEN ? ELSE ? END`
  for (const table of HISTORY_TABLES) {
    database
      .prepare(`DELETE FROM ${table} WHERE event > ? OR event IN (${late})`)
      .run(last, logBytes, recordsBytes)
  }
  return last
}
