// Tells a dataset's kind by what is in the folder, whatever its name or the prototxt's `backend` says.

import { open, readdir, stat } from 'node:fs/promises'
import path from 'node:path'

import { AppError } from '../net/errors'

export type DatasetKind = 'lmdb' | 'leveldb'

const expected =
  'a dataset is a folder with data.mdb (LMDB) or with CURRENT and MANIFEST files (LevelDB), as made by convert_imageset'

/** Throws AppError 'missing-dataset' or 'not-a-dataset'. That an LMDB is sound is checked when it is opened. */
export async function detectDataset(folder: string): Promise<DatasetKind> {
  const names = await listFolder(folder)
  const kind = await kindOf(folder, names)
  if (kind !== undefined) return kind
  const inside = await firstDatasetInside(folder, names)
  throw new AppError('not-a-dataset', 'this folder holds no dataset', {
    file: folder,
    hint: inside === undefined ? expected : `choose '${inside}' inside it`,
  })
}

async function listFolder(folder: string): Promise<string[]> {
  try {
    return await readdir(folder)
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code
    if (code === 'ENOTDIR') {
      const hint =
        path.basename(folder) === 'data.mdb' ? `choose the folder '${path.dirname(folder)}'` : expected
      throw new AppError('not-a-dataset', 'this is a file, not a dataset', { file: folder, hint, cause })
    }
    if (code === 'ENOENT') {
      throw new AppError('missing-dataset', 'the dataset does not exist', {
        file: folder,
        hint: 'choose where it is now',
        cause,
      })
    }
    throw new AppError('missing-dataset', `the dataset cannot be read: ${(cause as Error).message}`, {
      file: folder,
      cause,
    })
  }
}

async function kindOf(folder: string, names: string[]): Promise<DatasetKind | undefined> {
  if (names.includes('data.mdb')) return 'lmdb'
  if (names.includes('CURRENT') && names.some((name) => name.startsWith('MANIFEST-'))) {
    // CURRENT names the manifest in use.
    const head = await readHead(path.join(folder, 'CURRENT'), 9)
    if (head === 'MANIFEST-') return 'leveldb'
  }
  return undefined
}

async function readHead(file: string, bytes: number): Promise<string> {
  const handle = await open(file)
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(bytes), 0, bytes, 0)
    return buffer.toString('latin1', 0, bytesRead)
  } finally {
    await handle.close()
  }
}

/** People choose the folder one level too high. */
async function firstDatasetInside(folder: string, names: string[]): Promise<string | undefined> {
  for (const name of names.slice(0, 100).sort()) {
    const inside = path.join(folder, name)
    if (!(await stat(inside).catch(() => undefined))?.isDirectory()) continue
    const kind = await kindOf(inside, await readdir(inside).catch(() => [])).catch(() => undefined)
    if (kind !== undefined) return name
  }
  return undefined
}
