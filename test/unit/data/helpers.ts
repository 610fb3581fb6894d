import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'

import { ClassicLevel } from 'classic-level'
import { afterEach } from 'vitest'

import { AppError } from '../../../main/net/errors'

const folders: string[] = []

afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true })
})

/** A folder that is gone after the test. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'olmp-data-'))
  folders.push(folder)
  return folder
}

/** A serialised Datum (caffe.proto) of 1 x 2 x 3 bytes: 1 channels, 2 height, 3 width, 4 data, 5 label. */
export function datum(pixels: [number, number, number, number, number, number], label: number): Buffer {
  return Buffer.from([0x08, 1, 0x10, 2, 0x18, 3, 0x22, 6, ...pixels, 0x28, label])
}

export const keyOf = (index: number): Buffer => Buffer.from(String(index).padStart(8, '0'))

/** `entries` datums as Caffe's tools put them into LevelDB; datum i starts with pixel i and has label i mod 10. */
export async function writeLevelDb(folder: string, entries: number): Promise<void> {
  const database = new ClassicLevel<Buffer, Buffer>(folder, {
    keyEncoding: 'buffer',
    valueEncoding: 'buffer',
  })
  await database.batch(
    Array.from({ length: entries }, (_, i) => ({
      type: 'put' as const,
      key: keyOf(i),
      value: datum([i % 256, 1, 2, 3, 4, 5], i % 10),
    })),
  )
  await database.close()
}

/** The AppError that `promise` is rejected with. */
export async function failureOf(promise: Promise<unknown>): Promise<AppError> {
  const error: unknown = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  if (!(error instanceof AppError)) throw new Error(`expected an AppError, got ${String(error)}`)
  return error
}
