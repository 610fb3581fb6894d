import { describe, expect, it } from 'vitest'
import {
  addAccuracy,
  ensureTrainable,
  objective,
  outputs,
  parameterCount,
  prunableLayers,
} from '../../../main/net/analysis'
import { deriveDeploy } from '../../../main/net/deploy'
import { graphOf, refusal } from '../caffe/fixtures'

const data = 'layer { name: "d" type: "Data" top: "data" top: "label" data_param { batch_size: 2 } }'
const options = { phase: 'TRAIN' as const, dataShapes: { d: [1, 6, 6] as [number, number, number] } }
const ip = (name: string, bottom: string, outputs = 3) =>
  `layer { name: "${name}" type: "InnerProduct" bottom: "${bottom}" top: "${name}" inner_product_param { num_output: ${outputs} } }`
const loss = (name: string, bottom: string, rest = '') =>
  `layer { name: "${name}" type: "SoftmaxWithLoss" bottom: "${bottom}" bottom: "label" top: "${name}" ${rest} }`
const accuracy = (name: string, bottom: string, topK = 1) =>
  `layer { name: "${name}" type: "Accuracy" bottom: "${bottom}" bottom: "label" top: "${name}" accuracy_param { top_k: ${topK} } }`
const net = (...layers: string[]) => graphOf([data, ...layers].join('\n'), options)

describe('objective', () => {
  it('names the blobs of loss, accuracy, scores and label', () => {
    expect(objective(net(ip('ip', 'data'), accuracy('acc', 'ip'), loss('loss', 'ip')))).toEqual({
      loss: 'loss',
      accuracy: 'acc',
      scores: 'ip',
      label: 'label',
    })
  })
  it('takes the heaviest loss, and the accuracy of its scores', () => {
    const graph = net(
      ip('main', 'data'),
      ip('aux', 'data'),
      accuracy('auxAcc', 'aux'),
      accuracy('top2', 'main', 2),
      accuracy('acc', 'main'),
      loss('loss', 'main'),
      loss('auxLoss', 'aux', 'loss_weight: 0.3'),
    )
    expect(objective(graph)).toMatchObject({ loss: 'loss', scores: 'main', accuracy: 'acc' })
  })
  it('has no accuracy where only a top-5 one is there', () => {
    expect(
      objective(net(ip('ip', 'data'), accuracy('top2', 'ip', 2), loss('loss', 'ip'))).accuracy,
    ).toBeNull()
  })
  it('refuses a net without a loss', () => {
    expect(refusal(() => objective(net(ip('ip', 'data')))).code).toBe('no-loss')
  })
})

describe('addAccuracy', () => {
  it('adds one on the scores of the loss, under a free name', () => {
    const graph = addAccuracy(net(ip('accuracy', 'data'), loss('loss', 'accuracy')))
    expect(graph.layers.at(-1)).toMatchObject({
      name: 'accuracy2',
      type: 'Accuracy',
      bottoms: ['accuracy', 'label'],
      tops: ['accuracy2'],
      top_shapes: [[]],
      params: { top_k: 1, axis: 1, ignore_label: null },
    })
    expect(objective(graph).accuracy).toBe('accuracy2')
  })
  it('leaves a net that has one as it is', () => {
    const graph = net(ip('ip', 'data'), accuracy('acc', 'ip'), loss('loss', 'ip'))
    expect(addAccuracy(graph)).toBe(graph)
  })
  it('refuses a loss that does not judge classes', () => {
    const graph = net(
      ip('a', 'data'),
      ip('b', 'data'),
      'layer { name: "l" type: "EuclideanLoss" bottom: "a" bottom: "b" top: "l" }',
    )
    expect(refusal(() => addAccuracy(graph)).code).toBe('no-accuracy')
  })
})

describe('outputs', () => {
  it('are the blobs that nothing reads, in-place layers included', () => {
    const relu = 'layer { name: "r" type: "ReLU" bottom: "b" top: "b" }'
    expect(outputs(net(ip('a', 'data'), ip('b', 'data'), relu, loss('loss', 'a')))).toEqual(['b', 'loss'])
  })
})

describe('counts', () => {
  it('adds up parameters, shared ones once', () => {
    expect(parameterCount(net(ip('a', 'data'), ip('b', 'a')))).toBe(3 * 36 + 3 + 3 * 3 + 3)
    const shared = (name: string, bottom: string) =>
      ip(name, bottom).replace(
        'inner_product_param',
        'param { name: "w" } param { name: "b" } inner_product_param',
      )
    expect(parameterCount(net(ip('a', 'data'), shared('b', 'a'), shared('c', 'b')))).toBe(36 * 3 + 3 + 9 + 3)
  })
  it('lists what can be pruned', () => {
    expect(prunableLayers(net(ip('a', 'data'), loss('loss', 'a'))).map(({ name }) => name)).toEqual(['a'])
  })
})

describe('ensureTrainable', () => {
  const input = 'input: "data" input_shape { dim: 2 dim: 4 } input: "label" input_shape { dim: 2 }\n'
  it('accepts a net with data, loss and something to prune', () => {
    expect(() => ensureTrainable(net(ip('a', 'data'), loss('loss', 'a')))).not.toThrow()
  })
  it.each([
    ['no data', () => graphOf(input + ip('a', 'data') + loss('loss', 'a')), 'no-data'],
    ['no loss', () => net(ip('a', 'data')), 'no-loss'],
    [
      'nothing to prune',
      () => net('layer { name: "f" type: "Flatten" bottom: "data" top: "f" }', loss('loss', 'f')),
      'nothing-to-prune',
    ],
  ])('refuses a net with %s', (_what, graph, code) => {
    expect(refusal(() => ensureTrainable(graph())).code).toBe(code)
  })
})

describe('deriveDeploy', () => {
  const summary = (graph: ReturnType<typeof net>) =>
    deriveDeploy(graph).layers.map(({ name, type, bottoms, tops }) => [
      name,
      type,
      bottoms.join(),
      tops.join(),
    ])

  it('replaces data by an input and the loss by a softmax', () => {
    const graph = net(ip('ip', 'data'), accuracy('acc', 'ip'), loss('loss', 'ip'))
    expect(summary(graph)).toEqual([
      ['d', 'Input', '', 'data'],
      ['ip', 'InnerProduct', 'data', 'ip'],
      ['prob', 'Softmax', 'ip', 'prob'],
    ])
    expect(deriveDeploy(graph).phase).toBe('TEST')
    expect(deriveDeploy(graph).layers[0].top_shapes).toEqual([[2, 1, 6, 6]])
  })

  it('cuts off auxiliary classifiers and what only they and the labels need', () => {
    const graph = net(
      'layer { name: "s" type: "Silence" bottom: "label" }',
      ip('trunk', 'data'),
      'layer { name: "r" type: "ReLU" bottom: "trunk" top: "trunk" }',
      ip('aux', 'trunk'),
      loss('auxLoss', 'aux', 'loss_weight: 0.3'),
      ip('main', 'trunk'),
      loss('loss', 'main'),
    )
    expect(summary(graph).map(([name]) => name)).toEqual(['d', 'trunk', 'r', 'main', 'prob'])
  })

  it('keeps outputs of equal rank, and turns a cross-entropy into its sigmoid', () => {
    const graph = net(
      'layer { name: "flat" type: "Flatten" bottom: "data" top: "flat" }',
      ip('code', 'flat', 36),
      'layer { name: "cross" type: "SigmoidCrossEntropyLoss" bottom: "code" bottom: "flat" top: "cross" }',
      'layer { name: "l2" type: "EuclideanLoss" bottom: "code" bottom: "flat" top: "l2" }',
    )
    expect(summary(graph).map(([name, type]) => [name, type])).toEqual([
      ['d', 'Input'],
      ['flat', 'Flatten'],
      ['code', 'InnerProduct'],
      ['prob', 'Sigmoid'],
    ])
  })

  it('switches BatchNorm to its statistics and names no blob twice', () => {
    const graph = net(
      'layer { name: "bn" type: "BatchNorm" bottom: "data" top: "bn" }',
      ip('prob', 'bn'),
      loss('loss', 'prob'),
    )
    const deployed = deriveDeploy(graph)
    const norm = deployed.layers[1]
    expect(norm.type === 'BatchNorm' && norm.params.use_global_stats).toBe(true)
    expect(deployed.layers.at(-1)).toMatchObject({ name: 'prob2', tops: ['prob2'] })
  })
})
