// How much of a net is kept: from an engine's masks, or from a file of weights. Biases count, as OLMP counts them; the
// weights-only ratio stands beside it because papers differ.

import { open } from 'node:fs/promises'

import type { WeightBlob, WeightFile } from '../caffe/model'
import type { KeptCounts } from '../engine/binding'
import { AppError } from '../net/errors'
import type { LayerSparsity, Sparsity } from './types'

export function sparsityOf(layers: LayerSparsity[]): Sparsity {
  const sum = (pick: (layer: LayerSparsity) => number): number =>
    layers.reduce((total, layer) => total + pick(layer), 0)
  const weights = sum((layer) => layer.weights)
  const keptWeights = sum((layer) => layer.keptWeights)
  const total = weights + sum((layer) => layer.biases)
  const kept = keptWeights + sum((layer) => layer.keptBiases)
  return { total, kept, compression: total / kept, compressionWeightsOnly: weights / keptWeights, layers }
}

/** `names` as in Session.prunableLayers, `counts` as from Session.keptCounts(). */
export function sessionSparsity(names: string[], counts: KeptCounts[]): Sparsity {
  return sparsityOf(names.map((name, i) => ({ name, ...counts[i] })))
}

/** Of a caffemodel: by its masks where it stores them (blobs 2 and 3 of a CConvolution or CInnerProduct), else by what
 *  is not zero. `prunable`: names of the layers that count. Throws AppError 'truncated-file'. */
export async function weightFileSparsity(file: WeightFile, prunable: string[]): Promise<Sparsity> {
  const layers: LayerSparsity[] = []
  for (const name of prunable) {
    const stored = file.layers.find((layer) => layer.name === name)
    if (stored === undefined) continue
    const { blobs } = stored
    const masked = blobs.length === 4 || (blobs.length === 2 && sameShape(blobs[0], blobs[1]))
    const bias = blobs.length === 4 || (blobs.length === 2 && !masked) ? blobs[1] : undefined
    const shift = masked ? blobs.length / 2 : 0
    layers.push({
      name,
      weights: blobs[0].count,
      keptWeights: await countNonzero(blobs[shift]),
      biases: bias?.count ?? 0,
      keptBiases: bias === undefined ? 0 : await countNonzero(blobs[shift + 1]),
    })
  }
  return sparsityOf(layers)
}

function sameShape(a: WeightBlob, b: WeightBlob): boolean {
  return a.shape.join() === b.shape.join()
}

const CHUNK_BYTES = 1 << 20

async function countNonzero({ file, offsetBytes, count, type }: WeightBlob): Promise<number> {
  const size = type === 'float32' ? 4 : 8
  const handle = await open(file, 'r')
  try {
    const buffer = new ArrayBuffer(CHUNK_BYTES)
    let nonzero = 0
    for (let done = 0; done < count * size;) {
      const wanted = Math.min(CHUNK_BYTES, count * size - done)
      const { bytesRead } = await handle.read(new Uint8Array(buffer), 0, wanted, offsetBytes + done)
      if (bytesRead !== wanted) {
        throw new AppError('truncated-file', 'the file ends inside the values of a layer', { file })
      }
      const values =
        type === 'float32' ? new Float32Array(buffer, 0, wanted / 4) : new Float64Array(buffer, 0, wanted / 8)
      for (const value of values) if (value !== 0) nonzero += 1
      done += wanted
    }
    return nonzero
  } finally {
    await handle.close()
  }
}
