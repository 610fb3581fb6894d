// olmp sparsity FILE

import path from 'node:path'

import { readWeights, releaseWeights } from '../caffe/caffemodel'
import { AppError } from '../net/errors'
import { weightFileSparsity } from '../runs/sparsity'
import { sparsityLines } from './format'
import type { Terminal } from './terminal'

const PRUNABLE = new Set(['Convolution', 'InnerProduct', 'CConvolution', 'CInnerProduct'])

export async function sparsityCommand(terminal: Terminal, file: string): Promise<void> {
  const weights = await readWeights(path.resolve(file), {
    onProgress: (done, total) => terminal.progress('Reading', done, total),
  })
  try {
    // HDF5 files hold no layer types: there every layer with weights counts.
    const layers = weights.layers.filter(
      ({ type, blobs }) => (type === '' || PRUNABLE.has(type)) && blobs.length > 0,
    )
    if (layers.length === 0) {
      throw new AppError('no-prunable-layer', 'the file has no convolution or inner product', {
        file: weights.file,
      })
    }
    const sparsity = await weightFileSparsity(
      weights,
      layers.map(({ name }) => name),
    )
    terminal.result(sparsity, () => sparsityLines(sparsity))
  } finally {
    releaseWeights(weights)
  }
}
