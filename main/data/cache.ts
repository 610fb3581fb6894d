// Databases made on the user's machine, once.

import { mkdir, readdir, rm, stat } from 'node:fs/promises'
import path from 'node:path'

import type { DatumSetInfo, EngineAddon } from '../engine/binding'
import { asAppErrors } from './addonErrors'

/** What a writer has not touched for so long was left by a crash. */
const abandonedAfterMs = 60 * 60 * 1000

/** The LMDB at `folder`, made by `make` where it is not there yet or cannot be read. `make` must put the whole database
 *  there in one step, so that what is there is whole; where two make it at once, the first wins and serves both. */
export async function ensureLmdb(
  folder: string,
  addon: EngineAddon,
  make: () => Promise<void>,
): Promise<DatumSetInfo> {
  const present = await describeIfSound(folder, addon)
  if (present !== undefined) return present
  await mkdir(path.dirname(folder), { recursive: true })
  await removeAbandoned(folder)
  try {
    await make()
  } catch (error) {
    const others = await describeIfSound(folder, addon)
    if (others !== undefined) return others
    throw error
  }
  try {
    return await asAppErrors(() => addon.describeDatums(folder))
  } catch (error) {
    // The source holds something other than Datums; nobody needs the copy.
    await rm(folder, { recursive: true, force: true })
    throw error
  }
}

/** What is there and cannot be read is removed; what is not there is left alone, as somebody may be about to make it. */
async function describeIfSound(folder: string, addon: EngineAddon): Promise<DatumSetInfo | undefined> {
  try {
    return await addon.describeDatums(folder)
  } catch (error) {
    if ((error as { code?: unknown }).code !== 'missing-file')
      await rm(folder, { recursive: true, force: true })
    return undefined
  }
}

async function removeAbandoned(folder: string): Promise<void> {
  const parent = path.dirname(folder)
  const prefixes = ['partial', 'leveldb', 'idx'].map((word) => `${path.basename(folder)}.${word}-`)
  for (const name of await readdir(parent)) {
    if (!prefixes.some((prefix) => name.startsWith(prefix))) continue
    const scratch = path.join(parent, name)
    if (Date.now() - (await lastTouched(scratch)) > abandonedAfterMs) {
      await rm(scratch, { recursive: true, force: true })
    }
  }
}

async function lastTouched(folder: string): Promise<number> {
  try {
    let latest = (await stat(folder)).mtimeMs
    for (const name of await readdir(folder)) {
      // Hard-linked tables of a LevelDB keep their old date, the folder has that of its making.
      latest = Math.max(latest, (await stat(path.join(folder, name))).mtimeMs)
    }
    return latest
  } catch (error) {
    // A file that goes while it is looked at has a writer at work.
    if ((error as { code?: unknown }).code === 'ENOENT') return Date.now()
    throw error
  }
}
