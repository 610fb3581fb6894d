// BlobProto: a blob's shape, and where its values lie in the file.

import { count, type Shape } from '../net/graph'
import type { BinaryFile, WireField } from './binaryFile'
import type { WeightBlob } from './model'
import type { ValueStore } from './valueStore'

// BlobProto's field numbers (schema/core.ts)
const legacyDims: Record<number, number> = { 1: 0, 2: 1, 3: 2, 4: 3 }
const floatData = 5
const shapeField = 7
const doubleData = 8
const dimField = 1
const maxAxes = 32

interface Values {
  type: 'float32' | 'float64'
  count: number
  /** Contiguous runs; only the first is kept, the rest is counted. */
  first: number
  runs: number
}

interface Run {
  offset: number
  count: number
  /** Bytes from one value to the next: more than a value where each has a tag of its own. */
  strideBytes: number
  end: number
}

/** The run of values that begins with this field: a packed list, or as many single values as follow each other. */
function valueRun(file: BinaryFile, field: WireField, end: number, size: 4 | 8): Run {
  if (field.wire === 2) {
    const bytes = field.end - field.start
    if (bytes % size !== 0)
      file.corrupt(`${bytes} bytes of values are not whole numbers of ${size}`, field.offset)
    return { offset: field.start, count: bytes / size, strideBytes: size, end: field.end }
  }
  if (field.wire !== (size === 4 ? 5 : 1)) file.corrupt('values of an unexpected kind', field.offset)
  const stride = field.end - field.offset
  const head = Buffer.from(file.bytes(field.offset, stride - size))
  let next = field.end
  while (next + stride <= end) {
    const chunk = file.bytes(next, end - next)
    let within = 0
    while (within + stride <= chunk.length && head.equals(chunk.subarray(within, within + head.length))) {
      within += stride
    }
    next += within
    if (within === 0 || within + stride <= chunk.length) break
  }
  return { offset: field.start, count: (next - field.offset) / stride, strideBytes: stride, end: next }
}

/** Fields of a blob, with runs of values taken together. */
function* blobRuns(
  file: BinaryFile,
  start: number,
  end: number,
): Generator<{ field: WireField; run: Run | null }> {
  let offset = start
  while (offset < end) {
    const field = file.field(offset, end)
    const isValues = field.number === floatData || field.number === doubleData
    const run = isValues ? valueRun(file, field, end, field.number === floatData ? 4 : 8) : null
    yield { field, run }
    offset = run?.end ?? field.end
  }
}

function readShape(file: BinaryFile, field: WireField): Shape {
  if (field.wire !== 2) file.corrupt('a shape is expected here', field.offset)
  const dims: number[] = []
  for (const dim of file.fields(field.start, field.end)) {
    if (dim.number === dimField) dims.push(...file.varints(dim, maxAxes))
    if (dims.length > maxAxes) file.corrupt(`a shape of more than ${maxAxes} axes`, field.offset)
  }
  if (!dims.every((dim) => Number.isSafeInteger(dim) && dim >= 0)) {
    file.corrupt(`a shape of (${dims.join(', ')})`, field.offset)
  }
  return dims
}

/** Copies the values of a blob whose runs do not lie together. */
function gather(
  file: BinaryFile,
  start: number,
  end: number,
  size: 4 | 8,
  store: ValueStore,
): { file: string } {
  const writer = store.create()
  try {
    for (const { field, run } of blobRuns(file, start, end)) {
      if (run === null || (field.number === floatData) !== (size === 4)) continue
      let done = 0
      while (done < run.count) {
        const offset = run.offset + done * run.strideBytes
        // the last value of a run has no tag behind it
        const chunk = file.bytes(offset, (run.count - done - 1) * run.strideBytes + size)
        const whole = Math.floor((chunk.length - size) / run.strideBytes) + 1
        if (run.strideBytes === size) {
          writer.write(chunk.subarray(0, whole * size))
        } else {
          const packed = Buffer.alloc(whole * size)
          for (let i = 0; i < whole; i++)
            chunk.copy(packed, i * size, i * run.strideBytes, i * run.strideBytes + size)
          writer.write(packed)
        }
        done += whole
      }
    }
  } finally {
    writer.close()
  }
  return { file: writer.file }
}

/** The blob in [start, end) of the file. `what` names it in errors. */
export function readBlob(
  file: BinaryFile,
  start: number,
  end: number,
  what: string,
  store: ValueStore,
): WeightBlob {
  const legacy: Shape = [0, 0, 0, 0]
  let hasLegacy = false
  let shape: Shape | null = null
  const values: Values = { type: 'float32', count: 0, first: 0, runs: 0 }
  for (const { field, run } of blobRuns(file, start, end)) {
    if (run !== null && run.count > 0) {
      const type = field.number === floatData ? 'float32' : 'float64'
      if (values.count > 0 && values.type !== type)
        file.corrupt(`${what} has values of two types`, field.offset)
      const separate = run.strideBytes !== (type === 'float32' ? 4 : 8) && run.count > 1
      if (values.runs === 0) values.first = run.offset
      values.type = type
      values.count += run.count
      values.runs += separate ? 2 : 1
    } else if (field.number in legacyDims && field.wire === 0) {
      // int32: a negative one fills 64 bits
      legacy[legacyDims[field.number]] = field.value
      hasLegacy = true
    } else if (field.number === shapeField) {
      shape = readShape(file, field)
    }
  }
  const dims = hasLegacy && shape === null ? legacy : (shape ?? [values.count])
  if (count(dims) !== values.count) {
    file.corrupt(`${what} has the shape (${dims.join(', ')}) but ${values.count} values`, start)
  }
  const place =
    values.runs > 1
      ? { ...gather(file, start, end, values.type === 'float32' ? 4 : 8, store), offsetBytes: 0 }
      : { file: file.file, offsetBytes: values.first }
  return {
    shape: dims,
    legacy: hasLegacy && shape === null,
    count: values.count,
    type: values.type,
    ...place,
  }
}
