// A run on disk:
//
//   run.json          what was asked for, and how far it is (RunRecord)
//   records.jsonl     one RunEvent a line: iterations, tests, searches, phases
//   log.txt           the log's lines
//   checkpoints/      see checkpoints.ts
//   result.json       RunResult, once finished
//   lock.json         who works on it

import { mkdir, readdir, readFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'

import { AppError, type ErrorRecord, toErrorRecord } from '../net/errors'
import { isMissing, isThere, replaceFile, syncFolder, writeError } from './durable'
import { RunLock } from './RunLock'
import type { RunRequest, RunResult, RunState } from './types'

export const RUN_FORMAT_VERSION = 1

/** What the run found in the model folder. */
export interface RunModelSummary {
  name: string
  netFile: string | null
  solverFile: string | null
  weightsFile: string | null
  prunableLayers: string[]
  /** Weights and biases of the prunable layers. */
  prunableParameters: number
  trainImages: number
  testImages: number
  /** On the whole test set, 0..1. */
  referenceAccuracy: number
}

export interface RunRecord {
  formatVersion: typeof RUN_FORMAT_VERSION
  id: string
  request: RunRequest
  state: RunState
  /** ISO 8601 */
  created: string
  started: string | null
  ended: string | null
  /** null until the model has been opened and measured. */
  model: RunModelSummary | null
  /** Why it failed. */
  error: ErrorRecord | null
}

/** An entry of RunFolder.list: a run, or a folder that should be one and why it cannot be read. */
export type ListedRun = { folder: string; run: RunFolder } | { folder: string; error: ErrorRecord }

const RUN_FILE = 'run.json'
const RESULT_FILE = 'result.json'

export class RunFolder {
  private constructor(
    readonly path: string,
    private current: RunRecord,
  ) {}

  /** Makes `folder` a new run. Throws AppError 'run-exists' where it is one already. */
  static async create(folder: string, request: RunRequest): Promise<RunFolder> {
    const record: RunRecord = {
      formatVersion: RUN_FORMAT_VERSION,
      id: basename(folder),
      request,
      state: 'queued',
      created: new Date().toISOString(),
      started: null,
      ended: null,
      model: null,
      error: null,
    }
    try {
      await mkdir(dirname(folder), { recursive: true })
      await mkdir(folder)
      await mkdir(join(folder, 'checkpoints'))
      await replaceFile(join(folder, RUN_FILE), serialise(record))
      await syncFolder(dirname(folder))
    } catch (error) {
      if (!isThere(error)) throw writeError(error, folder)
      throw new AppError('run-exists', 'there is a run or another folder of this name', {
        file: folder,
        hint: 'choose another name',
      })
    }
    return new RunFolder(folder, record)
  }

  /** Throws AppError 'not-a-run' or 'newer-run'. */
  static async open(folder: string): Promise<RunFolder> {
    return new RunFolder(folder, await readRecord(folder))
  }

  /** The runs in a folder, in order of creation; folders without a run.json are none. */
  static async list(parent: string): Promise<ListedRun[]> {
    const entries = await readdir(parent, { withFileTypes: true }).catch((error: unknown) => {
      if (isMissing(error)) return []
      throw error
    })
    const folders = entries.filter((entry) => entry.isDirectory()).map((entry) => join(parent, entry.name))
    const listed = await Promise.all(folders.map(listOne))
    const created = (entry: ListedRun): string => ('run' in entry ? entry.run.record.created : '')
    return listed
      .filter((entry) => entry !== null)
      .sort((a, b) => created(a).localeCompare(created(b)) || a.folder.localeCompare(b.folder))
  }

  get record(): Readonly<RunRecord> {
    return this.current
  }

  get recordsFile(): string {
    return join(this.path, 'records.jsonl')
  }

  get logFile(): string {
    return join(this.path, 'log.txt')
  }

  get checkpointsFolder(): string {
    return join(this.path, 'checkpoints')
  }

  async update(change: Partial<Omit<RunRecord, 'formatVersion' | 'id'>>): Promise<void> {
    const next = { ...this.current, ...change }
    await replaceFile(join(this.path, RUN_FILE), serialise(next))
    this.current = next
  }

  /** The state to show: a run said to be running whose process is gone was interrupted, and can be resumed. */
  async actualState(): Promise<RunState> {
    if (this.current.state !== 'running') return this.current.state
    return (await RunLock.isHeld(this.path)) ? 'running' : 'paused'
  }

  async writeResult(result: RunResult): Promise<void> {
    await replaceFile(join(this.path, RESULT_FILE), serialise(result))
  }

  async readResult(): Promise<RunResult | null> {
    try {
      return JSON.parse(await readFile(join(this.path, RESULT_FILE), 'utf8')) as RunResult
    } catch (error) {
      if (isMissing(error)) return null
      throw error
    }
  }
}

function serialise(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`
}

async function listOne(folder: string): Promise<ListedRun | null> {
  try {
    return { folder, run: await RunFolder.open(folder) }
  } catch (error) {
    if (error instanceof AppError && error.code === 'not-a-run') return null
    return { folder, error: toErrorRecord(error) }
  }
}

async function readRecord(folder: string): Promise<RunRecord> {
  const file = join(folder, RUN_FILE)
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    throw new AppError('not-a-run', 'there is no run.json in this folder', {
      file: folder,
      hint: 'choose the folder of a run',
      cause: error,
    })
  })
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw new AppError('damaged-run', 'run.json is not valid JSON', {
      file,
      hint: 'restore the file from a copy; the checkpoints beside it are not affected',
      cause: error,
    })
  }
  const version: unknown =
    typeof value === 'object' && value !== null && 'formatVersion' in value && value.formatVersion
  if (version === RUN_FORMAT_VERSION) return value as RunRecord
  if (typeof version === 'number' && version > RUN_FORMAT_VERSION) {
    throw new AppError('newer-run', `the run was written by a newer version (format ${version})`, {
      file,
      hint: 'update the program',
    })
  }
  throw new AppError('damaged-run', 'run.json has no format version', {
    file,
    hint: 'restore the file from a copy; the checkpoints beside it are not affected',
  })
}
