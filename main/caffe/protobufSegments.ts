// Protobuf messages too large to hold: a message is a list of segments, each either small bytes or a length with a way to
// load it when its turn comes. Protobuf lengths precede contents, so every length is known before anything is loaded.

import { open } from 'node:fs/promises'
import { AppError } from '../net/errors'

export type Segment = Uint8Array | DeferredSegment

export interface DeferredSegment {
  byteLength: number
  /** Must give exactly `byteLength` bytes. */
  load: () => Promise<Uint8Array>
}

const LENGTH_DELIMITED = 2

/** Parsers of protobuf refuse messages of 2 GiB and more. */
export const MAX_MESSAGE_BYTES = 2 ** 31 - 1

export function byteLength(segments: Segment[]): number {
  return segments.reduce((sum, segment) => sum + segment.byteLength, 0)
}

/** The segments as one length-delimited field (a string, bytes or an embedded message). */
export function lengthDelimited(field: number, segments: Segment[]): Segment[] {
  const header = [...varint(field * 8 + LENGTH_DELIMITED), ...varint(byteLength(segments))]
  return [Uint8Array.from(header), ...segments]
}

/** A field of packed floats or raw little-endian float32 data. */
export function floatField(field: number, count: number, load: () => Promise<Float32Array>): Segment[] {
  return lengthDelimited(field, [
    { byteLength: count * 4, load: async () => littleEndianBytes(await load()) },
  ])
}

/** Every platform Electron runs on is little-endian, as protobuf is, so this is a view. */
export function littleEndianBytes(values: Float32Array | BigInt64Array): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength)
}

export async function collectSegments(segments: Segment[]): Promise<Uint8Array> {
  const bytes = new Uint8Array(byteLength(segments))
  let offset = 0
  for (const segment of segments) {
    bytes.set(await loadSegment(segment), offset)
    offset += segment.byteLength
  }
  return bytes
}

/** Writes the segments one after another, holding one at a time, and fsyncs. Replaces the file. */
export async function writeSegments(file: string, segments: Segment[]): Promise<number> {
  const handle = await open(file, 'w')
  try {
    for (const segment of segments) await writeAll(handle, await loadSegment(segment))
    await handle.sync()
  } finally {
    await handle.close()
  }
  return byteLength(segments)
}

/** One write(2) moves at most 2 GiB and may move less than asked. */
async function writeAll(handle: Awaited<ReturnType<typeof open>>, bytes: Uint8Array): Promise<void> {
  for (let offset = 0; offset < bytes.byteLength;) {
    const { bytesWritten } = await handle.write(bytes, offset, Math.min(bytes.byteLength - offset, 2 ** 26))
    offset += bytesWritten
  }
}

async function loadSegment(segment: Segment): Promise<Uint8Array> {
  if (segment instanceof Uint8Array) return segment
  const bytes = await segment.load()
  if (bytes.byteLength !== segment.byteLength) {
    throw new AppError(
      'length-mismatch',
      `${bytes.byteLength} bytes arrived where ${segment.byteLength} were announced`,
    )
  }
  return bytes
}

function varint(value: number): number[] {
  const bytes: number[] = []
  for (; value >= 128; value = Math.floor(value / 128)) bytes.push((value % 128) + 128)
  return [...bytes, value]
}
