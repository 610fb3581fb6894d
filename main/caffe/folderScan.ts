// What lies in a model folder: files by kind, dataset folders. Bounded, because people point at their home folder too.

import { existsSync, readdirSync, statSync, type Dirent } from 'node:fs'
import { basename, dirname, isAbsolute, join, normalize } from 'node:path'
import { AppError } from '../net/errors'

export interface FolderContents {
  folder: string
  /** Absolute paths, sorted; nearer to the top first. */
  prototxts: string[]
  weights: string[]
  solverStates: string[]
  means: string[]
  datasets: { folder: string; backend: 'LMDB' | 'LEVELDB' }[]
  /** True where the folder held more than was looked at. */
  incomplete: boolean
}

const maxDepth = 3
const maxEntries = 20_000

export function datasetBackend(folder: string): 'LMDB' | 'LEVELDB' | null {
  if (existsSync(join(folder, 'data.mdb'))) return 'LMDB'
  return existsSync(join(folder, 'CURRENT')) ? 'LEVELDB' : null
}

function sortInto(contents: FolderContents, file: string): void {
  const name = basename(file).toLowerCase()
  if (/\.(prototxt|pbtxt|prototxt\.txt)$/.test(name)) contents.prototxts.push(file)
  else if (/\.caffemodel(\.h5)?$/.test(name)) contents.weights.push(file)
  else if (/\.solverstate(\.h5)?$/.test(name)) contents.solverStates.push(file)
  else if (/\.binaryproto$/.test(name)) contents.means.push(file)
}

function cannotOpen(folder: string, cause: unknown): AppError {
  const reasons: Partial<Record<string, { message: string; hint: string }>> = {
    ENOENT: { message: 'this folder does not exist', hint: 'check the path, or choose the folder again' },
    ENOTDIR: {
      message: 'this is a file, not a folder',
      hint: 'choose the folder that holds the model, not a file in it',
    },
    EACCES: {
      message: 'this folder may not be read by this user',
      hint: 'give yourself the right to read it, or copy the model to a folder of your own',
    },
  }
  const { message, hint } = reasons[(cause as NodeJS.ErrnoException).code ?? ''] ?? {
    message: 'this folder cannot be opened',
    hint: 'choose the folder that holds the model',
  }
  return new AppError('no-folder', message, { file: folder, hint, cause })
}

/** Throws AppError 'no-folder' where it cannot be listed. */
export function scanFolder(folder: string): FolderContents {
  const contents: FolderContents = {
    folder,
    prototxts: [],
    weights: [],
    solverStates: [],
    means: [],
    datasets: [],
    incomplete: false,
  }
  let level = [folder]
  let entries = 0
  for (let depth = 0; depth <= maxDepth && level.length > 0; depth++) {
    const next: string[] = []
    for (const current of level) {
      let listed: Dirent[]
      try {
        listed = readdirSync(current, { withFileTypes: true })
      } catch (cause) {
        if (current !== folder) continue
        throw cannotOpen(folder, cause)
      }
      const backend = datasetBackend(current)
      if (backend !== null) {
        contents.datasets.push({ folder: current, backend })
        continue
      }
      listed.sort((a, b) => a.name.localeCompare(b.name))
      for (const entry of listed) {
        if (++entries > maxEntries) return { ...contents, incomplete: true }
        const path = join(current, entry.name)
        if (entry.isDirectory()) {
          if (!entry.name.startsWith('.') && entry.name !== 'node_modules') next.push(path)
        } else if (entry.isFile() || entry.isSymbolicLink()) {
          sortInto(contents, path)
        }
      }
    }
    level = next
  }
  return contents
}

function isKind(path: string, kind: 'file' | 'folder'): boolean {
  try {
    const stat = statSync(path)
    return kind === 'file' ? stat.isFile() : stat.isDirectory()
  } catch {
    return false
  }
}

/** Finds a path as a prototxt states it. Authors' absolute paths and paths from the Caffe root are the rule: after the
 *  path itself, it is tried from every folder above, then its ends inside the model folder, then its last name anywhere
 *  in it. Returns null where there is nothing. */
export function locate(
  stated: string,
  kind: 'file' | 'folder',
  fromFile: string,
  contents: FolderContents,
): string | null {
  const cleaned = normalize(stated).replace(/[/\\]+$/, '')
  if (cleaned === '' || cleaned === '.' || stated.includes('\0')) return null
  if (isAbsolute(cleaned)) {
    if (isKind(cleaned, kind)) return cleaned
  } else {
    let folder = dirname(fromFile)
    for (;;) {
      if (isKind(join(folder, cleaned), kind)) return join(folder, cleaned)
      if (dirname(folder) === folder) break
      folder = dirname(folder)
    }
  }
  const parts = cleaned.split(/[/\\]/).filter((part) => part !== '' && part !== '.' && part !== '..')
  for (let i = 0; i < parts.length; i++) {
    const path = join(contents.folder, ...parts.slice(i))
    if (isKind(path, kind)) return path
  }
  const last = parts.at(-1)
  const known =
    kind === 'folder'
      ? contents.datasets.map((dataset) => dataset.folder)
      : [...contents.prototxts, ...contents.weights, ...contents.means, ...contents.solverStates]
  return known.find((path) => basename(path) === last) ?? null
}
