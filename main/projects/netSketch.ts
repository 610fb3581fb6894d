// A net as a few blocks, for a picture the size of a stamp.

import type { DatasetFact, LayerFact, SketchBlock } from './types'

/** A deeper net shows so many blocks, taken evenly. */
const mostBlocks = 28

const kinds: Partial<Record<string, SketchBlock['kind']>> = {
  Data: 'data',
  Input: 'data',
  Convolution: 'convolution',
  Deconvolution: 'convolution',
  Pooling: 'pooling',
  InnerProduct: 'inner-product',
}

export function netSketch(layers: LayerFact[], data: Pick<DatasetFact, 'shape'>[]): SketchBlock[] {
  const blocks = layers.flatMap(({ name, type, outputShape, parameters }): SketchBlock[] => {
    const kind = kinds[type]
    if (kind === undefined) return []
    const shape = outputShape.slice(1)
    const known = shape.length > 0 ? shape : (data[0]?.shape ?? [])
    return [{ kind, name, shape: known, parameters }]
  })
  if (blocks.length <= mostBlocks) return blocks
  const step = (blocks.length - 1) / (mostBlocks - 1)
  return Array.from({ length: mostBlocks }, (_, i) => blocks[Math.round(i * step)])
}
