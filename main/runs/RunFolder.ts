// A run on disk:
//
//   run.json          what was asked for, and how far it is (RunRecord)
//   history.db        what it said: iterations, tests, searches, densities, phases, log (see historyFile.ts)
//   checkpoints/      see checkpoints.ts
//   result.json       RunResult, once finished
//   annotation.json   name, notes and tags, once the user gives any (see annotation.ts)
//   run.lock          held by the process that works on it; lock.json names that (see RunLock.ts)

import { mkdir, readdir, readFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'

import { AppError, type ErrorRecord, toErrorRecord } from '../net/errors'
import { completeSettings } from '../olmp/runSettings'
import { isMissing, isThere, replaceFile, syncFolder, writeError } from './durable'
import { HISTORY_FILE } from './historyFile'
import { migrateRun } from './migrateRun'
import { RunLock } from './RunLock'
import type { RunRequest, RunResult, RunState } from './types'

export const RUN_FORMAT_VERSION = 2

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

  /** A run of an earlier format is brought over. Throws AppError 'not-a-run', 'damaged-run', 'newer-run'. */
  static async open(folder: string): Promise<RunFolder> {
    return new RunFolder(folder, (await readRecord(folder)) ?? (await migrated(folder)))
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

  get historyFile(): string {
    return join(this.path, HISTORY_FILE)
  }

  get checkpointsFolder(): string {
    return join(this.path, 'checkpoints')
  }

  /** What another owner has written since it was opened. */
  async refresh(): Promise<void> {
    this.current = (await readRecord(this.path)) ?? this.current
  }

  async update(change: Partial<Omit<RunRecord, 'formatVersion' | 'id'>>): Promise<void> {
    const next = { ...this.current, ...change }
    await replaceFile(join(this.path, RUN_FILE), serialise(next))
    this.current = next
  }

  /** The state to show: a run said to be running whose process is gone was interrupted, and can be resumed; as can one
   *  that waits for nobody. */
  async actualState(): Promise<RunState> {
    if (!['running', 'queued'].includes(this.current.state)) return this.current.state
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

async function migrated(folder: string): Promise<RunRecord> {
  await migrateRun(folder)
  const record = await readRecord(folder)
  if (record !== null) return record
  throw new AppError('damaged-run', 'the run could not be brought over from an earlier version', {
    file: join(folder, RUN_FILE),
    hint: 'restore the folder from a copy, then open it again',
  })
}

/** null for a run of format 1. */
async function readRecord(folder: string): Promise<RunRecord | null> {
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
  if (version === RUN_FORMAT_VERSION) {
    const record = value as RunRecord
    return { ...record, request: { ...record.request, settings: completeSettings(record.request.settings) } }
  }
  if (version === 1) return null
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
