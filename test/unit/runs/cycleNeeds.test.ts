import { describe, expect, it } from 'vitest'

import { buildGraph } from '../../../main/caffe/build/buildGraph'
import { parseNet } from '../../../main/caffe/prototxt'
import type { NetGraph, Phase } from '../../../main/net/graph'
import type { CycleSettings } from '../../../main/olmp/cycleSettings'
import { requireCycles } from '../../../main/runs/cycleNeeds'
import { tinyCycles } from './tinyModel'

const data = (phase: Phase, crop: number): string => `
layer { name: "data" type: "Data" top: "data" top: "label" include { phase: ${phase} }
  transform_param { crop_size: ${crop} } data_param { source: "x" batch_size: 2 } }`

function graphOf(phase: Phase, layers: string, crops: [number, number] = [8, 8]): NetGraph {
  const text = `${data('TRAIN', crops[0])}${data('TEST', crops[1])}
layer { name: "c" type: "Convolution" bottom: "data" top: "c" convolution_param { num_output: 4 kernel_size: 3 } }
layer { name: "g" type: "Pooling" bottom: "c" top: "g" pooling_param { pool: AVE global_pooling: true } }
${layers}`
  return buildGraph(parseNet(text, 'net.prototxt'), {
    phase,
    dataShapes: { data: [3, 10, 10] },
    batchSize: () => 2,
    resolveFile: (stated) => stated,
  })
}

const loss = (name: string, scores: string, weight = 1, type = 'SoftmaxWithLoss'): string =>
  `layer { name: "${name}" type: "${type}" bottom: "${scores}" bottom: "label" top: "${name}" loss_weight: ${weight} }`

describe('what a compression in cycles asks of a net', () => {
  const settings = tinyCycles({ kind: 'size', kept: [10] })
  const plain: CycleSettings = { ...settings, distillation: null, augmentation: null }
  const refusal = (layers: string, crops?: [number, number], wanted = settings): string => {
    try {
      const [train, test] = (['TRAIN', 'TEST'] as const).map((phase) => graphOf(phase, layers, crops))
      requireCycles(train, test, wanted)
      return ''
    } catch (error) {
      return `${(error as { code: string }).code}: ${(error as Error).message}`
    }
  }

  it('is a softmax loss with a weight', () => {
    expect(refusal(loss('l', 'g'))).toBe('')
    expect(refusal(loss('l', 'g', 1, 'HingeLoss'))).toMatch(/^no-objective: .*no SoftmaxWithLoss/)
    expect(refusal(loss('l', 'g', 0))).toMatch(/^no-objective/)
  })

  it('is images of one size in training and test, where the whole net teaches', () => {
    expect(refusal(loss('l', 'g'), [8, 10])).toMatch(/^no-teacher: training images are 3 x 8 x 8/)
    expect(refusal(loss('l', 'g'), [8, 10], plain)).toBe('')
  })

  it('is the scores of the main loss in the test net', () => {
    const only = (phase: Phase, top: string): string =>
      `layer { name: "${top}" type: "Power" bottom: "g" top: "${top}" include { phase: ${phase} } }
layer { name: "loss_${top}" type: "SoftmaxWithLoss" bottom: "${top}" bottom: "label" top: "loss_${top}" include { phase: ${phase} } }`
    expect(refusal(only('TRAIN', 'a') + only('TEST', 'b'))).toMatch(
      /^no-teacher: the test net has no blob 'a'/,
    )
    // an auxiliary loss is not it
    expect(refusal(only('TRAIN', 'a') + only('TEST', 'b') + loss('main', 'g', 2))).toBe('')
  })
})
