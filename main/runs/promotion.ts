// The promoted checkpoint of a run: chosen as the run's model, and never deleted to make room. Its name is kept beside the
// checkpoints, so that whoever deletes there (the engine process) and whoever promotes (the app) see one truth.

import { readFile, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'

import { AppError } from '../net/errors'
import { isMissing, replaceFile } from './durable'

const PROMOTED_FILE = 'promoted.json'

interface PromotedFile {
  formatVersion: 1
  checkpoint: string
}

/** Name of the promoted checkpoint, or null. */
export async function readPromoted(checkpointsFolder: string): Promise<string | null> {
  const file = join(checkpointsFolder, PROMOTED_FILE)
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    if (isMissing(error)) return null
    throw error
  })
  if (text === null) return null
  const value = parse(text)
  if (value !== null) return value.checkpoint
  throw new AppError('damaged-promotion', 'it cannot be read which checkpoint was promoted', {
    file,
    hint: 'promote a checkpoint again',
  })
}

/** Throws AppError 'unknown-checkpoint'. */
export async function promote(checkpointsFolder: string, name: string): Promise<void> {
  await requireCheckpoint(checkpointsFolder, name)
  const content: PromotedFile = { formatVersion: 1, checkpoint: name }
  await replaceFile(join(checkpointsFolder, PROMOTED_FILE), `${JSON.stringify(content)}\n`)
  // A run that is writing may have deleted it in between; from here on it does not (see `retain` in checkpoints.ts).
  await requireCheckpoint(checkpointsFolder, name)
}

export async function unpromote(checkpointsFolder: string): Promise<void> {
  await rm(join(checkpointsFolder, PROMOTED_FILE), { force: true })
}

async function requireCheckpoint(checkpointsFolder: string, name: string): Promise<void> {
  const folder = join(checkpointsFolder, name)
  await stat(folder).catch((error: unknown) => {
    throw new AppError('unknown-checkpoint', 'this checkpoint is no longer there', {
      file: folder,
      hint: 'choose another one',
      cause: error,
    })
  })
}

function parse(text: string): PromotedFile | null {
  try {
    const value: unknown = JSON.parse(text)
    const valid = typeof value === 'object' && value !== null && 'checkpoint' in value
    return valid && typeof value.checkpoint === 'string' ? (value as PromotedFile) : null
  } catch {
    return null
  }
}
