import { describe, expect, it } from 'vitest'

import { netSketch } from '../../../main/projects/netSketch'
import type { LayerFact } from '../../../main/projects/types'

function layer(type: string, outputShape: number[] = [64, 20, 24, 24]): LayerFact {
  return { name: type.toLowerCase(), type, outputShape, parameters: 0, prunable: false }
}

describe('netSketch', () => {
  it('shows the layers that shape a net, one item of the batch each', () => {
    const blocks = netSketch(
      [layer('Data'), layer('Convolution'), layer('ReLU'), layer('InnerProduct', [64, 10])],
      [],
    )
    expect(blocks.map(({ kind, shape }) => [kind, shape])).toEqual([
      ['data', [20, 24, 24]],
      ['convolution', [20, 24, 24]],
      ['inner-product', [10]],
    ])
  })

  it('keeps the ends of a deep net', () => {
    const layers = Array.from({ length: 200 }, (_, i) => ({ ...layer('Convolution'), name: `conv${i}` }))
    const blocks = netSketch(layers, [])
    expect(blocks).toHaveLength(28)
    expect([blocks[0].name, blocks[27].name]).toEqual(['conv0', 'conv199'])
  })
})
