// What a run says while it runs, appended to records.jsonl and log.txt: many events a write, in order. After a resume
// both are cut back to what they were at the checkpoint, so that nothing appears twice.

import { open, type FileHandle } from 'node:fs/promises'

import { AppError } from '../net/errors'
import { isMissing, writeError } from './durable'
import type { LogLevel, RunEvent } from './types'

/** Lengths of the two files. */
export interface JournalPosition {
  recordsBytes: number
  logBytes: number
}

export const JOURNAL_START: JournalPosition = { recordsBytes: 0, logBytes: 0 }

export interface JournalFiles {
  recordsFile: string
  logFile: string
}

type LogEvent = Extract<RunEvent, { kind: 'log' }>

/** Events kept in records.jsonl; checkpoints, results and errors have files of their own. */
const RECORDED: RunEvent['kind'][] = ['phase', 'iterations', 'test', 'search']

class AppendedFile {
  private pending = ''

  private constructor(
    private readonly file: string,
    private readonly handle: FileHandle,
    private length: number,
  ) {}

  /** Cut back to `length` bytes; shorter files stay as they are. */
  static async open(file: string, length: number): Promise<AppendedFile> {
    const handle = await open(file, 'a')
    const { size } = await handle.stat()
    if (size > length) await handle.truncate(length)
    return new AppendedFile(file, handle, Math.min(size, length))
  }

  append(line: string): void {
    this.pending += `${line}\n`
  }

  async flush(): Promise<void> {
    const text = this.pending
    if (text === '') return
    this.pending = ''
    try {
      const bytes = Buffer.from(text)
      await this.handle.appendFile(bytes)
      this.length += bytes.length
    } catch (error) {
      throw writeError(error, this.file)
    }
  }

  async sync(): Promise<number> {
    await this.flush()
    try {
      await this.handle.sync()
    } catch (error) {
      throw writeError(error, this.file)
    }
    return this.length
  }

  async close(): Promise<void> {
    await this.handle.close()
  }
}

export class RunJournal {
  private writing: Promise<void> = Promise.resolve()
  private failure: unknown = null

  private constructor(
    private readonly records: AppendedFile,
    private readonly log: AppendedFile,
  ) {}

  static async open({ recordsFile, logFile }: JournalFiles, at: JournalPosition): Promise<RunJournal> {
    try {
      const records = await AppendedFile.open(recordsFile, at.recordsBytes)
      return new RunJournal(records, await AppendedFile.open(logFile, at.logBytes))
    } catch (error) {
      throw writeError(error, recordsFile)
    }
  }

  /** Returns at once; a failure to write shows at the next sync(). */
  append(event: RunEvent): void {
    if (event.kind === 'log') this.log.append(formatLogLine(event))
    else if (RECORDED.includes(event.kind)) this.records.append(JSON.stringify(event))
    else return
    this.writing = this.writing.then(() => this.flush())
  }

  /** Everything appended so far is on disk when this returns; answers where the files end. */
  async sync(): Promise<JournalPosition> {
    await this.writing
    if (this.failure !== null) throw this.failure
    return { recordsBytes: await this.records.sync(), logBytes: await this.log.sync() }
  }

  async close(): Promise<void> {
    await this.writing
    await this.records.close()
    await this.log.close()
  }

  private async flush(): Promise<void> {
    try {
      await this.records.flush()
      await this.log.flush()
    } catch (error) {
      this.failure ??= error
    }
  }
}

/** `2026-11-23T19:40:48.123Z warning: text`; the level is left out where it is info. */
export function formatLogLine({ timeMs, level, text }: LogEvent): string {
  const prefix = level === 'info' ? '' : `${level}: `
  return `${new Date(timeMs).toISOString()} ${prefix}${text.replaceAll('\n', ' ')}`
}

function parseLogLine(line: string): LogEvent | null {
  const match = /^(\S{24}) (?:(warning|error): )?(.*)$/.exec(line)
  if (match === null) return null
  const level: LogLevel = match[2] === 'warning' || match[2] === 'error' ? match[2] : 'info'
  return { kind: 'log', timeMs: Date.parse(match[1]), level, text: match[3] }
}

async function* lines(file: string): AsyncGenerator<string> {
  const handle = await open(file, 'r').catch((error: unknown) => {
    if (isMissing(error)) return null
    throw error
  })
  if (handle === null) return
  try {
    yield* handle.readLines()
  } finally {
    await handle.close()
  }
}

/** JSON has no NaN: accuracies and losses that were not measured come back from null. */
function revive(_key: string, value: unknown): unknown {
  return value === null ? Number.NaN : value
}

/** The events of records.jsonl in order; none where the run has not begun. A last line cut short by a crash is left
 *  out. Throws AppError 'damaged-records' for other lines that cannot be read. */
export async function* readRecords(recordsFile: string): AsyncGenerator<RunEvent> {
  let torn: { line: number; error: unknown } | null = null
  let number = 0
  for await (const line of lines(recordsFile)) {
    number += 1
    if (torn !== null) {
      throw new AppError('damaged-records', 'a record of the run cannot be read', {
        file: recordsFile,
        line: torn.line,
        hint: 'delete that line, or resume the run, which goes back to its checkpoint',
        cause: torn.error,
      })
    }
    try {
      yield JSON.parse(line, revive) as RunEvent
    } catch (error) {
      torn = { line: number, error }
    }
  }
}

export async function* readLog(logFile: string): AsyncGenerator<LogEvent> {
  for await (const line of lines(logFile)) {
    const event = parseLogLine(line)
    if (event !== null) yield event
  }
}
