// Checkpoints of a run: checkpoints/<iteration, 9 digits>[-g<generation, 6 digits>]/ with
//
//   engine.state     the session's state (Session.saveState)
//   loop.json        the loop's
//   manifest.json    sizes and SHA-256 of the two
//
// and beside them promoted.json (see promotion.ts).
//
// A checkpoint is made in a temporary folder, its manifest last, and renamed when all of it is on disk: a folder under a
// final name is complete unless the disk damaged it, which the checksums tell.

import { mkdir, readdir, readFile, rename, rm, stat } from 'node:fs/promises'
import { basename, join } from 'node:path'

import { AppError } from '../net/errors'
import type { LoopState } from '../olmp/compress'
import type { CycleState } from '../olmp/CycleLoop'
import { isMissing, sha256, syncFile, syncFolder, writeError, writeSynced } from './durable'
import { readPromoted } from './promotion'
import type { JournalPosition } from './RunJournal'

export const ENGINE_STATE_FILE = 'engine.state'
export const LOOP_FILE = 'loop.json'
const MANIFEST_FILE = 'manifest.json'
const FINAL_NAME = /^\d{9}(-g\d{6})?$/
/** Unfinished, replaced and deleted ones begin so. */
const TEMPORARY_PREFIX = '.'
const DAMAGED_PREFIX = 'damaged-'

/** loop.json */
export interface CheckpointContent {
  formatVersion: 1
  solverIteration: number
  loop: LoopState | CycleState
  /** Ends of records.jsonl and log.txt at this point. */
  journal: JournalPosition
  /** Wall-clock seconds of the run until here, all sessions together. */
  elapsedSeconds: number
  /** Of the processor, over all threads; absent in checkpoints of earlier versions. */
  cpuSeconds?: number
  /** Absent in checkpoints of earlier versions. */
  metrics?: CheckpointMetrics
}

/** How good the net is at this point. */
export interface CheckpointMetrics {
  /** Of the last test of the whole test set, and its iteration; null where there was none. */
  accuracy: number | null
  accuracyIteration: number | null
  compression: number
}

interface Manifest {
  formatVersion: 1
  files: { name: string; bytes: number; sha256: string }[]
}

export interface Checkpoint {
  folder: string
  content: CheckpointContent
  /** Of its files. */
  bytes: number
}

export interface PassedOver {
  folder: string
  reason: string
}

export interface Recovery {
  /** The newest that is whole; null: start from the beginning. */
  checkpoint: Checkpoint | null
  /** Newer ones that are not, and why. */
  passedOver: PassedOver[]
}

export function checkpointName(solverIteration: number, generation: number | null): string {
  const iteration = String(solverIteration).padStart(9, '0')
  return generation === null ? iteration : `${iteration}-g${String(generation).padStart(6, '0')}`
}

/** `saveState` writes the session's state into the file given. Keeps the newest `keep` checkpoints, this one among them, and the
 *  promoted one.
 *  Whatever fails, the checkpoints already there stay as they are. */
export async function writeCheckpoint(
  checkpointsFolder: string,
  name: string,
  content: CheckpointContent,
  saveState: (file: string) => Promise<void>,
  keep: number,
): Promise<Checkpoint> {
  const folder = join(checkpointsFolder, name)
  const temporary = join(checkpointsFolder, `${TEMPORARY_PREFIX}${name}.${process.pid}.tmp`)
  // Once the state is saved the run goes on, and what `content` refers to with it.
  const loop = JSON.stringify(content)
  try {
    await rm(temporary, { recursive: true, force: true })
    await mkdir(temporary)
    await saveState(join(temporary, ENGINE_STATE_FILE))
    await syncFile(join(temporary, ENGINE_STATE_FILE))
    await writeSynced(join(temporary, LOOP_FILE), loop)
    const files = await Promise.all([ENGINE_STATE_FILE, LOOP_FILE].map((file) => describe(temporary, file)))
    const manifest: Manifest = { formatVersion: 1, files }
    await writeSynced(join(temporary, MANIFEST_FILE), JSON.stringify(manifest))
    await syncFolder(temporary)
    await putInPlace(temporary, folder)
    await syncFolder(checkpointsFolder)
    await retain(checkpointsFolder, Math.max(1, keep))
    return { folder, content, bytes: files.reduce((sum, file) => sum + file.bytes, 0) }
  } catch (error) {
    await rm(temporary, { recursive: true, force: true }).catch(() => undefined)
    throw writeError(error, folder)
  }
}

/** The checkpoint that stands for the run: the one named, or the promoted one, or the newest whole one. Throws AppError
 *  'corrupt-checkpoint' where the one named or promoted is damaged, 'no-checkpoint' where there is none. */
export async function modelCheckpoint(checkpointsFolder: string, name?: string): Promise<Checkpoint> {
  const wanted = name ?? (await readPromoted(checkpointsFolder))
  // A promoted one that was deleted since stands for nothing.
  const there = (await finalNames(checkpointsFolder)).some((found) => found === wanted)
  if (wanted !== null && (name !== undefined || there)) return readCheckpoint(join(checkpointsFolder, wanted))
  const { checkpoint } = await findCheckpoint(checkpointsFolder)
  if (checkpoint !== null) return checkpoint
  throw new AppError('no-checkpoint', 'the run has no whole checkpoint yet', {
    file: checkpointsFolder,
    hint: 'let it run until its first checkpoint, or resume it',
  })
}

/** Looks for the checkpoint to resume from, newest first, verifying sizes and checksums. Changes nothing. */
export async function findCheckpoint(checkpointsFolder: string): Promise<Recovery> {
  const passedOver: PassedOver[] = []
  for (const name of await finalNames(checkpointsFolder)) {
    const folder = join(checkpointsFolder, name)
    try {
      return { checkpoint: await readCheckpoint(folder), passedOver }
    } catch (error) {
      passedOver.push({ folder, reason: error instanceof Error ? error.message : String(error) })
    }
  }
  return { checkpoint: null, passedOver }
}

/** Verified and read. Throws AppError 'corrupt-checkpoint'. */
export async function readCheckpoint(folder: string): Promise<Checkpoint> {
  const manifest = parse(await readPart(folder, MANIFEST_FILE), folder, MANIFEST_FILE)
  const wanted = [ENGINE_STATE_FILE, LOOP_FILE]
  if (!isManifest(manifest)) throw corrupt(folder, 'the manifest is of an unknown format')
  for (const name of wanted) {
    const stated = manifest.files.find((file) => file.name === name)
    if (stated === undefined) throw corrupt(folder, `the manifest does not list ${name}`)
    const actual = await describe(folder, name).catch(() => {
      throw corrupt(folder, `${name} is missing`)
    })
    if (actual.bytes !== stated.bytes) {
      throw corrupt(folder, `${name} has ${actual.bytes} bytes instead of ${stated.bytes}`)
    }
    if (actual.sha256 !== stated.sha256) throw corrupt(folder, `${name} does not match its checksum`)
  }
  // Its checksum has vouched for what is in it.
  const content = parse(await readPart(folder, LOOP_FILE), folder, LOOP_FILE) as CheckpointContent
  if (content.formatVersion !== 1) throw corrupt(folder, `${LOOP_FILE} is of an unknown format`)
  return { folder, content, bytes: manifest.files.reduce((sum, file) => sum + file.bytes, 0) }
}

/** Folders of the checkpoints there are, newest first, unverified. */
export async function listCheckpoints(checkpointsFolder: string): Promise<string[]> {
  return (await finalNames(checkpointsFolder)).map((name) => join(checkpointsFolder, name))
}

/** Before resuming: renames damaged checkpoints, so that they neither count nor get in the way of new ones, and removes
 *  what a crash left unfinished. */
export async function clearUp(checkpointsFolder: string, damaged: PassedOver[]): Promise<void> {
  for (const { folder } of damaged) {
    const aside = join(checkpointsFolder, `${DAMAGED_PREFIX}${basename(folder)}`)
    await rm(aside, { recursive: true, force: true })
    await rename(folder, aside)
  }
  for (const name of await names(checkpointsFolder)) {
    if (name.startsWith(TEMPORARY_PREFIX))
      await rm(join(checkpointsFolder, name), { recursive: true, force: true })
  }
}

async function names(folder: string): Promise<string[]> {
  return readdir(folder).catch((error: unknown) => {
    if (isMissing(error)) return []
    throw error
  })
}

async function finalNames(checkpointsFolder: string): Promise<string[]> {
  const found = (await names(checkpointsFolder)).filter((name) => FINAL_NAME.test(name))
  // '000001000' sorts before '000001000-g000042', which is later.
  return found.sort().reverse()
}

async function describe(folder: string, name: string): Promise<Manifest['files'][number]> {
  const file = join(folder, name)
  const { size } = await stat(file)
  return { name, bytes: size, sha256: await sha256(file) }
}

async function putInPlace(temporary: string, folder: string): Promise<void> {
  const replaced = `${join(folder, '..', TEMPORARY_PREFIX)}${basename(folder)}.replaced`
  await rm(replaced, { recursive: true, force: true })
  await rename(folder, replaced).catch((error: unknown) => {
    if (!isMissing(error)) throw error
  })
  await rename(temporary, folder)
  await rm(replaced, { recursive: true, force: true })
}

/** A promoted checkpoint stays, and is not one of the `keep`. */
async function retain(checkpointsFolder: string, keep: number): Promise<void> {
  const promoted = await promotedOrNone(checkpointsFolder)
  const others = (await finalNames(checkpointsFolder)).filter((name) => name !== promoted)
  for (const name of others.slice(keep)) {
    const folder = join(checkpointsFolder, name)
    const deleted = join(checkpointsFolder, `${TEMPORARY_PREFIX}${name}.deleted`)
    await rename(folder, deleted)
    // promoted a moment ago, by another process
    if ((await promotedOrNone(checkpointsFolder)) === name) await rename(deleted, folder)
    else await rm(deleted, { recursive: true, force: true })
  }
}

/** A note that cannot be read must not end a run. */
function promotedOrNone(checkpointsFolder: string): Promise<string | null> {
  return readPromoted(checkpointsFolder).catch(() => null)
}

async function readPart(folder: string, name: string): Promise<string> {
  return readFile(join(folder, name), 'utf8').catch((error: unknown) => {
    throw corrupt(folder, isMissing(error) ? `${name} is missing` : `${name} cannot be read`, error)
  })
}

function isManifest(value: unknown): value is Manifest {
  if (typeof value !== 'object' || value === null || !('formatVersion' in value) || !('files' in value))
    return false
  return value.formatVersion === 1 && Array.isArray(value.files) && value.files.every(isManifestFile)
}

function isManifestFile(value: unknown): boolean {
  return (
    typeof value === 'object' && value !== null && 'name' in value && 'bytes' in value && 'sha256' in value
  )
}

function parse(text: string, folder: string, name: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw corrupt(folder, `${name} is not valid JSON`, error)
  }
}

function corrupt(folder: string, message: string, cause?: unknown): AppError {
  return new AppError('corrupt-checkpoint', message, {
    file: folder,
    hint: 'resume from an earlier checkpoint',
    cause,
  })
}
