// Reference models and golden data that are not part of the project; tests that need them are skipped without them.

import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { join } from 'node:path'

export const projectRoot = fileURLToPath(new URL('../..', import.meta.url))
const folder = process.env.OLMP_SHARED ?? join(projectRoot, '..', 'shared')

/** False, with a note, where the folder is absent. */
export function haveShared(): boolean {
  const present = existsSync(folder)
  if (!present) console.warn('SKIPPED: no ../shared')
  return present
}

export function sharedFile(...parts: string[]): string {
  return join(folder, ...parts)
}

export function readSharedJson<T>(...parts: string[]): T {
  return JSON.parse(readFileSync(sharedFile(...parts), 'utf8')) as T
}

export function readSharedFloats(...parts: string[]): Float32Array {
  const bytes = readFileSync(sharedFile(...parts))
  return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength))
}

/** SHA-256 of each array's bytes: comparing those takes milliseconds where toEqual takes seconds. */
export function digests(arrays: Float32Array[]): string[] {
  return arrays.map((values) =>
    createHash('sha256')
      .update(new Uint8Array(values.buffer, values.byteOffset, values.byteLength))
      .digest('hex'),
  )
}
