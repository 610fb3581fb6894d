// The proof of a written caffemodel: read back by the importer, every value and mask equal to the engine's, bit for bit.

import { open } from 'node:fs/promises'

import { readWeights, releaseWeights } from '../caffe/caffemodel'
import type { WeightBlob } from '../caffe/model'
import type { BlobSource, CaffemodelFormat } from '../caffe/writeCaffemodel'
import { AppError } from '../net/errors'
import { count, isPrunable, type NetGraph, type Shape } from '../net/graph'

export interface ReadBackOptions {
  file: string
  format: CaffemodelFormat
  graph: NetGraph
  blobs: BlobSource
  onProgress?: (layers: number, total: number) => void
  signal?: AbortSignal
}

/** Numbers compared. Throws AppError 'verification-failed', and what the importer refuses. */
export async function readBack(options: ReadBackOptions): Promise<{ values: number; masks: number }> {
  const { file, graph, format, blobs, onProgress, signal } = options
  const stored = await readWeights(file)
  let [values, masks] = [0, 0]
  try {
    for (const [index, layer] of graph.layers.entries()) {
      signal?.throwIfAborted()
      const { name, parameters } = layer
      const found = stored.layers.find((candidate) => candidate.name === name)?.blobs ?? []
      const masked = format === 'masked' && isPrunable(layer)
      if (found.length !== parameters.length * (masked ? 2 : 1)) {
        throw differs(file, name, `has ${found.length} blobs`)
      }
      for (const [slot, { shape }] of parameters.entries()) {
        const mask = isPrunable(layer) ? await blobs.mask(name, slot) : undefined
        const trained = await blobs.value(name, slot)
        const expected =
          masked || mask === undefined ? trained : trained.map((v, i) => (mask[i] === 0 ? 0 : v))
        if (!same(await read(found[slot], shape), expected))
          throw differs(file, name, `differs in blob ${slot}`)
        values += expected.length
        if (!masked) continue
        const expectedMask = mask ?? new Float32Array(count(shape)).fill(1)
        const storedMask = await read(found[parameters.length + slot], shape)
        if (!same(storedMask, expectedMask)) throw differs(file, name, `differs in the mask of blob ${slot}`)
        masks += expectedMask.length
      }
      onProgress?.(index + 1, graph.layers.length)
    }
    return { values, masks }
  } finally {
    releaseWeights(stored)
  }
}

async function read(blob: WeightBlob, shape: Shape): Promise<Float32Array | null> {
  if (blob.count !== count(shape) || blob.type !== 'float32') return null
  const values = new Float32Array(blob.count)
  const bytes = new Uint8Array(values.buffer)
  const handle = await open(blob.file, 'r')
  try {
    for (let done = 0; done < bytes.length;) {
      const { bytesRead } = await handle.read(bytes, done, bytes.length - done, blob.offsetBytes + done)
      if (bytesRead === 0) return null
      done += bytesRead
    }
  } finally {
    await handle.close()
  }
  return values
}

/** Of their bits: two zeros of different sign differ. */
function same(actual: Float32Array | null, expected: Float32Array): boolean {
  if (actual === null || actual.length !== expected.length) return false
  const bits = (values: Float32Array) => Buffer.from(values.buffer, values.byteOffset, values.byteLength)
  return bits(actual).equals(bits(expected))
}

function differs(file: string, layer: string, how: string): AppError {
  return new AppError('verification-failed', `layer '${layer}' of the written caffemodel ${how}`, {
    file,
    hint: 'the file was not kept; report this net',
  })
}
