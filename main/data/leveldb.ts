// LevelDB datasets are copied into LMDB, key for key and value for value: LevelDB itself writes into the folder it opens.

import { createHash } from 'node:crypto'
import { chmod, copyFile, link, mkdtemp, readdir, rm, stat } from 'node:fs/promises'
import path from 'node:path'

import { ClassicLevel } from 'classic-level'

import type { EngineAddon } from '../engine/binding'
import { AppError } from '../net/errors'
import { asAppErrors } from './addonErrors'

/** The size that Caffe gives its databases; pages are taken from the disk as they are written. */
const mapSizeBytes = 2 ** 40
const entriesPerPut = 250

/** A name for the database at `folder` that changes with the path and with the size or date of any file in it. */
export async function levelDbIdentity(folder: string): Promise<string> {
  const hash = createHash('sha256').update(path.resolve(folder))
  for (const name of await databaseFiles(folder)) {
    const { size, mtimeMs } = await stat(path.join(folder, name))
    hash.update(`\0${name}\0${size}\0${mtimeMs}`)
  }
  return hash.digest('hex').slice(0, 16)
}

/** Makes the LMDB `target` of the LevelDB `source`, which is only read. `onEntries` hears how many are copied.
 *  Throws AppError 'corrupt-file' where LevelDB cannot read it. */
export async function transcodeLevelDb(
  source: string,
  target: string,
  addon: EngineAddon,
  onEntries: (entries: number) => void,
): Promise<void> {
  const copy = await mkdtemp(`${target}.leveldb-`)
  try {
    await copyDatabase(source, copy)
    await copyEntries(source, copy, target, addon, onEntries)
  } finally {
    await rm(copy, { recursive: true, force: true })
  }
}

/** Without LOCK and LOG, which LevelDB makes anew. */
async function databaseFiles(folder: string): Promise<string[]> {
  const names = await readdir(folder)
  return names.filter((name) => /^(CURRENT|MANIFEST-\d+|\d+\.(sst|ldb|log))$/.test(name)).sort()
}

async function copyDatabase(source: string, copy: string): Promise<void> {
  for (const name of await databaseFiles(source)) {
    const from = path.join(source, name)
    const to = path.join(copy, name)
    // LevelDB never writes into a finished table, it only unlinks it: a link spares the space of a copy.
    const linked =
      /\.(sst|ldb)$/.test(name) &&
      (await link(from, to).then(
        () => true,
        () => false,
      ))
    if (linked) continue
    await copyFile(from, to)
    await chmod(to, 0o644)
  }
}

async function copyEntries(
  source: string,
  copy: string,
  target: string,
  addon: EngineAddon,
  onEntries: (entries: number) => void,
): Promise<void> {
  const database = new ClassicLevel<Buffer, Buffer>(copy, { keyEncoding: 'buffer', valueEncoding: 'buffer' })
  await fromLevelDb(source, () => database.open({ createIfMissing: false, compression: true }))
  try {
    const writer = await asAppErrors(() => addon.createLmdbWriter(target, mapSizeBytes))
    const iterator = database.iterator({ fillCache: false })
    let done = 0
    for (;;) {
      const entries = await fromLevelDb(source, () => iterator.nextv(entriesPerPut))
      if (entries.length === 0) break
      await asAppErrors(() => writer.put(entries.map(([key, value]) => ({ key, value }))))
      done += entries.length
      onEntries(done)
    }
    await iterator.close()
    await asAppErrors(() => writer.close())
  } finally {
    await database.close()
  }
}

async function fromLevelDb<T>(source: string, call: () => Promise<T>): Promise<T> {
  try {
    return await call()
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : (error as Error)
    throw new AppError('corrupt-file', `LevelDB cannot read this database: ${cause.message}`, {
      file: source,
      hint: 'copy the dataset anew from where it came from',
      cause: error,
    })
  }
}
