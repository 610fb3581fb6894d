import { createReadStream } from 'node:fs'
import { Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGzip } from 'node:zlib'

/** Size of a file under gzip's best level, by which pruned models are compared. */
export async function gzipSize(file: string, signal?: AbortSignal): Promise<number> {
  let bytes = 0
  const counter = new Writable({
    write(chunk: Buffer, _encoding, done) {
      bytes += chunk.byteLength
      done()
    },
  })
  const options = signal === undefined ? {} : { signal }
  await pipeline(
    createReadStream(file, { highWaterMark: 1 << 20 }),
    createGzip({ level: 9 }),
    counter,
    options,
  )
  return bytes
}
