// Nets of the zoo, randomly pruned: the compact net must compute what the pruned one does.

import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'

import { parameterCount } from '../../../../main/net/analysis'
import { compactNet } from '../../../../main/net/compact/compactNet'
import { flops } from '../../../../main/net/cost'
import { difference, graphOf, masked, outputsOf, randomBlobs } from '../clean/nets'

const zoo = join(import.meta.dirname, '../../../../../shared/fixtures/zoo')
if (!existsSync(zoo)) console.log('SKIPPED: no ../shared')

describe.skipIf(!existsSync(zoo))('zoo', () => {
  test.each(['models_bvlc_reference_caffenet_deploy.prototxt', 'models_bvlc_googlenet_deploy.prototxt'])(
    '%s',
    async (file) => {
      // most of CaffeNet's parameters lie in two layers that add time and no case
      const text = readFileSync(join(zoo, file), 'utf8').replaceAll('num_output: 4096', 'num_output: 256')
      const whole = graphOf(text)
      // probabilities of random nets are 0 and 1: the scores tell more
      const graph = { ...whole, layers: whole.layers.filter(({ type }) => type !== 'Softmax') }
      const weights = masked(randomBlobs(graph, 6, { weights: 0.05, biases: 0.5, outputs: 0.6 }))
      const compact = await compactNet(graph, weights)
      expect(parameterCount(compact.graph)).toBeLessThan(0.8 * parameterCount(graph))
      expect(flops(compact.graph)).toBeLessThan(0.8 * flops(graph))
      const before = await outputsOf(graph, weights)
      expect(difference(before, await outputsOf(compact.graph, compact.blobs))).toBeLessThan(1e-5)
    },
  )

  test('whole nets cost what is known of them, with groups, branches and padding', () => {
    const costOf = (file: string): number[] => {
      const graph = graphOf(readFileSync(join(zoo, file), 'utf8'))
      return [parameterCount(graph), flops(graph) / 2]
    }
    expect(costOf('models_bvlc_reference_caffenet_deploy.prototxt')).toEqual([60_965_224, 724_406_816])
    expect(costOf('models_bvlc_googlenet_deploy.prototxt')).toEqual([6_998_552, 1_582_671_872])
  })
})
