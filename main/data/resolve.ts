import path from 'node:path'

import type { DatumSetInfo, EngineAddon } from '../engine/binding'
import { asAppErrors } from './addonErrors'
import { ensureLmdb } from './cache'
import { detectDataset } from './detect'
import { levelDbIdentity, transcodeLevelDb } from './leveldb'
import { findMnist, makeMnistLmdb } from './mnist'

export interface DatasetSpec {
  kind: 'train' | 'test'
  /** Path of an LMDB or LevelDB folder, or the word 'mnist' for the dataset that comes with the app. */
  path: string
}

export interface DatasetProgress {
  stage: 'converting-leveldb' | 'preparing-mnist'
  /** Entries done so far; MNIST is done in one step. */
  entries: number
}

export interface ResolveOptions {
  addon: EngineAddon
  /** Where databases made here are kept; created if need be. */
  cacheFolder: string
  /** Folder of MNIST's idx files, plain or gzipped; found by findMnist() where absent. */
  mnistFolder?: string
  onProgress?: (progress: DatasetProgress) => void
}

export type DatasetOrigin = 'lmdb' | 'leveldb' | 'mnist'

export interface ResolvedDataset {
  /** Absolute path of an LMDB that the engine can open. */
  folder: string
  origin: DatasetOrigin
  info: DatumSetInfo
}

/** An LMDB is used where it is; a LevelDB and MNIST become an LMDB in the cache folder, at once on later calls.
 *  Throws AppErrors: missing-dataset, not-a-dataset, and those of reading (not-an-lmdb, truncated-file, corrupt-file,
 *  empty-dataset, bad-datum, unsupported) and of writing (write-failed, map-full, missing-file). */
export async function resolveDataset(spec: DatasetSpec, options: ResolveOptions): Promise<ResolvedDataset> {
  if (spec.path === 'mnist') return resolveMnist(spec.kind, options)
  const source = path.resolve(spec.path)
  if ((await detectDataset(source)) === 'leveldb') return resolveLevelDb(source, options)
  const info = await asAppErrors(() => options.addon.describeDatums(source))
  return { folder: source, origin: 'lmdb', info }
}

async function resolveMnist(part: 'train' | 'test', options: ResolveOptions): Promise<ResolvedDataset> {
  const folder = path.resolve(options.cacheFolder, `mnist_${part}_lmdb`)
  const info = await ensureLmdb(folder, options.addon, async () => {
    options.onProgress?.({ stage: 'preparing-mnist', entries: 0 })
    await makeMnistLmdb(part, options.mnistFolder ?? (await findMnist()), folder, options.addon)
  })
  return { folder, origin: 'mnist', info }
}

async function resolveLevelDb(source: string, options: ResolveOptions): Promise<ResolvedDataset> {
  const name = `${path.basename(source)}-${await levelDbIdentity(source)}_lmdb`
  const folder = path.resolve(options.cacheFolder, name)
  const info = await ensureLmdb(folder, options.addon, () =>
    transcodeLevelDb(source, folder, options.addon, (entries) =>
      options.onProgress?.({ stage: 'converting-leveldb', entries }),
    ),
  )
  return { folder, origin: 'leveldb', info }
}
