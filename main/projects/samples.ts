// The samples that come with the app. A sample is shipped as prototxt, solver and caffemodel; at first use it becomes a
// genuine Caffe folder in the user's data folder, with the MNIST LMDBs its prototxt names beside it.

import { cp, mkdir, mkdtemp, rename, rm, stat } from 'node:fs/promises'
import path from 'node:path'

import { resolveDataset } from '../data'
import type { EngineAddon } from '../engine/binding'

export interface Sample {
  id: string
  title: string
}

export const samples: Sample[] = [
  { id: 'lenet-300-100', title: 'LeNet-300-100 on MNIST' },
  { id: 'lenet-5', title: 'LeNet-5 on MNIST' },
]

export interface SampleOptions {
  addon: EngineAddon
  /** The app's resources folder (holds samples/). */
  resourcesFolder: string
  /** The user's data folder; the sample goes into its samples/. */
  dataFolder: string
  onProgress?: (text: string) => void
}

/** Makes the sample's Caffe folder where it is not there yet, and returns its absolute path. Safe to repeat: what is
 *  there stays as the user left it. */
export async function ensureSample(id: string, options: SampleOptions): Promise<string> {
  const root = path.join(options.dataFolder, 'samples')
  await mkdir(root, { recursive: true })
  for (const kind of ['train', 'test'] as const) {
    options.onProgress?.(`MNIST, ${kind} part`)
    // The LMDBs land in samples/ as mnist_train_lmdb and mnist_test_lmdb, where the samples' prototxt files look.
    await resolveDataset({ kind, path: 'mnist' }, { addon: options.addon, cacheFolder: root })
  }
  const folder = path.join(root, id)
  if (!(await exists(folder))) await copySample(path.join(options.resourcesFolder, 'samples', id), folder)
  return folder
}

/** Whole or not there, also where several ask for the same sample at once: the first to finish wins. */
async function copySample(from: string, to: string): Promise<void> {
  const partial = await mkdtemp(`${to}.partial-`)
  try {
    await cp(from, partial, { recursive: true })
    await rename(partial, to)
  } catch (error) {
    await rm(partial, { recursive: true, force: true })
    if (!(await exists(to))) throw error
  }
}

async function exists(file: string): Promise<boolean> {
  return stat(file).then(
    () => true,
    () => false,
  )
}
