// The front of a compression in cycles: the nets it passed, each as small as it is, kept until the run is deleted.
//
//   front/<iteration, 9 digits>.net     the parameters (see below)
//   front/<iteration, 9 digits>.json    FrontRecord, and the SHA-256 of the other
//
// The second is written last: a point without it is not there. A .net is the parameter blobs in the session's order, each
// as its mask (a bit per value, the lowest first, padded to whole bytes; left out where all are kept) and the kept values,
// float32 little-endian.

import { createHash } from 'node:crypto'
import { mkdir, open, readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'

import type { Session } from '../engine/binding'
import { AppError } from '../net/errors'
import { count } from '../net/graph'
import { isMissing, replaceFile, writeError } from './durable'
import type { FrontRecord } from './types'

interface FrontFile {
  formatVersion: 1
  record: FrontRecord
  /** Of each parameter, in the session's order. */
  kept: number[]
  sha256: string
}

type ParameterAccess = Pick<Session, 'parameters' | 'getParameter' | 'setParameter'>

const RECORD_NAME = /^\d{9}\.json$/

/** What a model of the front is said to come from. */
export function frontName(iteration: number): string {
  return `front ${iteration}`
}

export function frontFolder(runFolder: string): string {
  return join(runFolder, 'front')
}

/** From the largest net to the smallest; empty where the run has none. Records that cannot be read are left out. */
export async function readFront(runFolder: string): Promise<FrontRecord[]> {
  const folder = frontFolder(runFolder)
  const names = await readdir(folder).catch((error: unknown) => {
    if (isMissing(error)) return []
    throw error
  })
  const records = await Promise.all(
    names.filter((name) => RECORD_NAME.test(name)).map((name) => readRecord(join(folder, name))),
  )
  return records
    .filter((record) => record !== null)
    .map(({ record }) => record)
    .sort((a, b) => b.kept - a.kept || a.iteration - b.iteration)
}

export async function keepOnFront(
  runFolder: string,
  session: ParameterAccess,
  record: FrontRecord,
): Promise<void> {
  const folder = frontFolder(runFolder)
  const file = join(folder, `${nameOf(record.iteration)}.net`)
  const hash = createHash('sha256')
  const kept: number[] = []
  try {
    await mkdir(folder, { recursive: true })
    const handle = await open(file, 'w')
    try {
      for (let index = 0; index < session.parameters.length; index++) {
        const { mask, values } = await packed(session, index)
        kept.push(values.length)
        for (const part of [mask, new Uint8Array(values.buffer)]) {
          hash.update(part)
          await handle.writeFile(part)
        }
      }
      await handle.sync()
    } finally {
      await handle.close()
    }
    const content: FrontFile = { formatVersion: 1, record, kept, sha256: hash.digest('hex') }
    await replaceFile(join(folder, `${nameOf(record.iteration)}.json`), JSON.stringify(content))
  } catch (error) {
    throw writeError(error, file)
  }
}

/** Puts values and masks of a point into the session. Throws AppError 'unknown-front-net', 'corrupt-front-net'. */
export async function restoreFromFront(
  runFolder: string,
  session: ParameterAccess,
  iteration: number,
): Promise<FrontRecord> {
  const file = join(frontFolder(runFolder), `${nameOf(iteration)}.net`)
  const content = await readRecord(join(frontFolder(runFolder), `${nameOf(iteration)}.json`))
  const bytes = await readFile(file).catch(() => null)
  if (content === null || bytes === null) {
    throw new AppError('unknown-front-net', `the run has kept no net of iteration ${iteration}`, {
      file,
      hint: 'choose another one',
    })
  }
  if (createHash('sha256').update(bytes).digest('hex') !== content.sha256) {
    throw new AppError('corrupt-front-net', 'the net kept here is damaged', {
      file,
      hint: 'choose another one',
    })
  }
  let offset = 0
  for (const [index, { shape, prunable }] of session.parameters.entries()) {
    const size = count(shape)
    const kept = content.kept[index]
    const mask = kept === size ? null : bytes.subarray(offset, (offset += Math.ceil(size / 8)))
    const values = new Float32Array(
      bytes.buffer.slice(bytes.byteOffset + offset, bytes.byteOffset + offset + 4 * kept),
    )
    offset += 4 * kept
    const masks = new Float32Array(size).fill(1)
    await session.setParameter(index, 'value', mask === null ? values : spread(mask, values, masks))
    if (prunable >= 0) await session.setParameter(index, 'mask', masks)
  }
  return content.record
}

const nameOf = (iteration: number): string => String(iteration).padStart(9, '0')

async function packed(
  session: ParameterAccess,
  index: number,
): Promise<{ mask: Uint8Array; values: Float32Array }> {
  const all = await session.getParameter(index, 'value')
  if (session.parameters[index].prunable < 0) return { mask: new Uint8Array(), values: all }
  const masks = await session.getParameter(index, 'mask')
  const mask = new Uint8Array(Math.ceil(all.length / 8))
  const values = new Float32Array(all.length)
  let kept = 0
  for (let i = 0; i < all.length; i++) {
    if (masks[i] === 0) continue
    mask[i >> 3] |= 1 << (i & 7)
    values[kept++] = all[i]
  }
  return kept === all.length ? { mask: new Uint8Array(), values } : { mask, values: values.slice(0, kept) }
}

/** The values at their places, zeros elsewhere; `masks` is set to match. */
function spread(mask: Uint8Array, values: Float32Array, masks: Float32Array): Float32Array {
  const all = new Float32Array(masks.length)
  let next = 0
  for (let i = 0; i < all.length; i++) {
    if (((mask[i >> 3] >> (i & 7)) & 1) === 0) masks[i] = 0
    else all[i] = values[next++]
  }
  return all
}

async function readRecord(file: string): Promise<FrontFile | null> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as FrontFile
  } catch {
    return null
  }
}
