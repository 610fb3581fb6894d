// Protobuf's wire format read from a file through a small window: a field's payload is skipped, not loaded.

import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import protobuf from 'protobufjs'
import { AppError } from '../net/errors'

export interface WireField {
  number: number
  /** 0 varint, 1 eight bytes, 2 length-delimited, 5 four bytes. */
  wire: 0 | 1 | 2 | 5
  /** Of the tag. */
  offset: number
  /** Payload [start, end). */
  start: number
  end: number
  /** Value of a varint, else 0. */
  value: number
}

const windowBytes = 64 * 1024
// a tag and a length, ten bytes each at most
const headBytes = 20

export class BinaryFile {
  readonly size: number
  private readonly descriptor: number
  private readonly window = Buffer.alloc(windowBytes)
  private windowStart = 0
  private windowLength = 0

  constructor(readonly file: string) {
    try {
      this.descriptor = openSync(file, 'r')
    } catch (cause) {
      throw new AppError('unreadable-file', 'this file cannot be opened', { file, cause })
    }
    const stat = fstatSync(this.descriptor)
    this.size = stat.size
    if (!stat.isFile()) {
      closeSync(this.descriptor)
      throw new AppError('unreadable-file', 'this is not a file', { file })
    }
  }

  close(): void {
    closeSync(this.descriptor)
  }

  corrupt(message: string, offset: number): never {
    throw new AppError('corrupt-file', `${message} (at byte ${offset})`, {
      file: this.file,
      hint: 'the file is damaged or not what its name says',
    })
  }

  /** Up to `length` bytes from `offset`, at most a window; valid until the next call. */
  bytes(offset: number, length: number): Buffer {
    const wanted = Math.min(length, windowBytes, this.size - offset)
    const end = this.windowStart + this.windowLength
    if (offset < this.windowStart || offset + wanted > end) {
      this.windowStart = offset
      this.windowLength = 0
      while (this.windowLength < windowBytes) {
        const free = windowBytes - this.windowLength
        const read = readSync(
          this.descriptor,
          this.window,
          this.windowLength,
          free,
          offset + this.windowLength,
        )
        if (read === 0) break
        this.windowLength += read
      }
    }
    const start = offset - this.windowStart
    return this.window.subarray(start, Math.min(start + wanted, this.windowLength))
  }

  /** The field whose tag is at `offset` of a message that ends at `end`. */
  field(offset: number, end: number): WireField {
    const reader = protobuf.Reader.create(this.bytes(offset, Math.min(headBytes, end - offset)))
    const varint = (): number => {
      try {
        return Number(reader.uint64())
      } catch {
        if (offset + headBytes >= this.size) this.truncated(offset)
        this.corrupt('a field of this message is cut short', offset)
      }
    }
    const tag = varint()
    const number = Math.floor(tag / 8)
    const wire = tag % 8
    if (number < 1 || number >= 2 ** 29 || (wire !== 0 && wire !== 1 && wire !== 2 && wire !== 5)) {
      this.corrupt('this is not a protobuf field', offset)
    }
    let value = 0
    let length = wire === 1 ? 8 : wire === 5 ? 4 : 0
    if (wire === 0) value = varint()
    if (wire === 2) length = varint()
    const start = offset + reader.pos
    if (start + length > this.size) this.truncated(offset, start + length)
    if (start + length > end) this.corrupt('a field reaches beyond the message that holds it', offset)
    return { number, wire, offset, start, end: start + length, value }
  }

  /** All fields of the message in [start, end). */
  *fields(start: number, end: number): Generator<WireField> {
    let offset = start
    while (offset < end) {
      const field = this.field(offset, end)
      yield field
      offset = field.end
    }
  }

  /** A short string; a name of many kilobytes is a sign of damage. */
  string(field: WireField): string {
    if (field.wire !== 2) this.corrupt('a text is expected here', field.offset)
    const length = field.end - field.start
    if (length > 4096) this.corrupt(`a name of ${length} bytes`, field.offset)
    return this.bytes(field.start, length).toString('utf8')
  }

  /** Packed or single varints, e.g. BlobShape.dim; at most `limit` of them. */
  varints(field: WireField, limit: number): number[] {
    if (field.wire === 0) return [field.value]
    if (field.wire !== 2) this.corrupt('whole numbers are expected here', field.offset)
    if (field.end - field.start > limit * 10) this.corrupt(`more than ${limit} numbers`, field.offset)
    const reader = protobuf.Reader.create(this.bytes(field.start, field.end - field.start))
    const values: number[] = []
    try {
      while (reader.pos < reader.len) values.push(Number(reader.int64()))
    } catch {
      this.corrupt('a number is cut short', field.offset)
    }
    return values
  }

  private truncated(offset: number, needed?: number): never {
    const missing = needed === undefined ? '' : `: ${needed - this.size} bytes are missing`
    throw new AppError('truncated-file', `the file ends inside the field at byte ${offset}${missing}`, {
      file: this.file,
      hint: 'copy or download it again',
    })
  }
}
