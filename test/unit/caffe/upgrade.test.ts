import { describe, expect, it } from 'vitest'
import { isIncluded } from '../../../main/caffe/filter'
import { parseSolver } from '../../../main/caffe/solver'
import { graphOf, refusal } from './fixtures'

const v2 = `
name: "n"
input: "data" input_shape { dim: 2 dim: 3 dim: 8 dim: 8 }
input: "label" input_shape { dim: 2 dim: 1 dim: 1 dim: 1 }
layer { name: "conv" type: "Convolution" bottom: "data" top: "conv" param { lr_mult: 1 decay_mult: 3 } param { lr_mult: 2 }
  convolution_param { num_output: 4 pad: 1 kernel_size: 3 weight_filler { type: "gaussian" std: 0.1 } } }
layer { name: "pool" type: "Pooling" bottom: "conv" top: "pool" pooling_param { pool: AVE kernel_size: 2 stride: 2 } }
layer { name: "drop" type: "Dropout" bottom: "pool" top: "pool" dropout_param { dropout_ratio: 0.3 } }
layer { name: "norm" type: "LRN" bottom: "pool" top: "norm" lrn_param { local_size: 3 alpha: 0.1 beta: 0.5 k: 2 } }
layer { name: "ip" type: "InnerProduct" bottom: "norm" top: "ip" inner_product_param { num_output: 5 bias_term: false } }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "ip" bottom: "label" top: "loss" }`

const v1 = `
name: "n"
input: "data" input_dim: 2 input_dim: 3 input_dim: 8 input_dim: 8
input: "label" input_dim: 2 input_dim: 1 input_dim: 1 input_dim: 1
layers { name: "conv" type: CONVOLUTION bottom: "data" top: "conv" blobs_lr: 1 blobs_lr: 2 weight_decay: 3
  convolution_param { num_output: 4 pad: 1 kernel_size: 3 weight_filler { type: "gaussian" std: 0.1 } } }
layers { name: "pool" type: POOLING bottom: "conv" top: "pool" pooling_param { pool: AVE kernel_size: 2 stride: 2 } }
layers { name: "drop" type: DROPOUT bottom: "pool" top: "pool" dropout_param { dropout_ratio: 0.3 } }
layers { name: "norm" type: LRN bottom: "pool" top: "norm" lrn_param { local_size: 3 alpha: 0.1 beta: 0.5 k: 2 } }
layers { name: "ip" type: INNER_PRODUCT bottom: "norm" top: "ip" inner_product_param { num_output: 5 bias_term: false } }
layers { name: "loss" type: SOFTMAX_LOSS bottom: "ip" bottom: "label" }`

const v0 = `
name: "n"
input: "data" input_dim: 2 input_dim: 3 input_dim: 8 input_dim: 8
input: "label" input_dim: 2 input_dim: 1 input_dim: 1 input_dim: 1
layers { layer { name: "pad" type: "padding" pad: 1 } bottom: "data" top: "padded" }
layers { layer { name: "conv" type: "conv" num_output: 4 kernelsize: 3 weight_filler { type: "gaussian" std: 0.1 }
  blobs_lr: 1. blobs_lr: 2. weight_decay: 3. } bottom: "padded" top: "conv" }
layers { layer { name: "pool" type: "pool" pool: AVE kernelsize: 2 stride: 2 } bottom: "conv" top: "pool" }
layers { layer { name: "drop" type: "dropout" dropout_ratio: 0.3 } bottom: "pool" top: "pool" }
layers { layer { name: "norm" type: "lrn" local_size: 3 alpha: 0.1 beta: 0.5 k: 2 } bottom: "pool" top: "norm" }
layers { layer { name: "ip" type: "innerproduct" num_output: 5 biasterm: false } bottom: "norm" top: "ip" }
layers { layer { name: "loss" type: "softmax_loss" } bottom: "ip" bottom: "label" }`

function withoutPlaces(text: string) {
  return graphOf(text).layers.map(({ at: _at, ...layer }) => layer)
}

describe('upgradeNet', () => {
  it('makes the same net of all three generations', () => {
    const expected = withoutPlaces(v2)
    expect(
      expected.find(({ name }) => name === 'conv')?.parameters.map((p) => [p.lr_mult, p.decay_mult]),
    ).toEqual([
      [1, 3],
      [2, 1],
    ])
    expect(withoutPlaces(v1)).toEqual(expected)
    expect(withoutPlaces(v0)).toEqual(expected)
  })

  it('moves preprocessing of old data layers into transform_param', () => {
    const graph = graphOf(
      `layers { name: "d" type: DATA top: "data" data_param { source: "s" batch_size: 4 scale: 0.5 crop_size: 8 mirror: true } }`,
      { dataShapes: { d: [3, 9, 9] } },
    )
    const [layer] = graph.layers
    expect(layer.type === 'Data' && layer.params.transform).toMatchObject({
      scale: 0.5,
      crop_size: 8,
      mirror: true,
    })
    expect(layer.top_shapes).toEqual([[4, 3, 8, 8]])
  })

  it('keeps Caffe from counting statistics of BatchNorm as learnable', () => {
    const graph = graphOf(`input: "x" input_shape { dim: 1 dim: 3 }
      layer { name: "bn" type: "BatchNorm" bottom: "x" top: "y" param { lr_mult: 1 } param { lr_mult: 1 } param { lr_mult: 1 } }`)
    expect(graph.layers[1].parameters.map(({ lr_mult }) => lr_mult)).toEqual([0, 0, 0])
  })

  it.each([
    [
      'layer and layers together',
      'layers { name: "a" type: RELU bottom: "x" top: "x" }\nlayer { name: "b" type: "ReLU" }',
      'mixed-layer-formats net.prototxt:2:1',
    ],
    [
      'an unknown V0 type',
      'layers {\n layer { name: "a" type: "convo" } }',
      'unknown-layer net.prototxt:2:26',
    ],
    ['V1 layers of type NONE', 'layers { name: "a" type: NONE }', 'unknown-layer net.prototxt:1:26'],
    ['too few input_dim', 'input: "x"\ninput_dim: 1', 'bad-input net.prototxt:2:12'],
    ['shapes given twice', 'input: "x" input_dim: 1\ninput_shape { dim: 1 }', 'bad-input net.prototxt:1:23'],
    ['shapes without input', 'input_dim: 1', 'bad-input net.prototxt:1:12'],
  ])('refuses %s', (_what, text, expected) => {
    const { code, text: message } = refusal(() => graphOf(text))
    expect(`${code} ${message}`.startsWith(expected)).toBe(true)
  })
})

describe('isIncluded (Net::StateMeetsRule)', () => {
  const state = (stages: string[] = [], level = 0) => ({ phase: 'TEST' as const, level, stages })
  it.each([
    ['no rules', {}, state(), true],
    ['include of the phase', { include: [{ phase: 'TEST' as const }] }, state(), true],
    ['include of the other phase', { include: [{ phase: 'TRAIN' as const }] }, state(), false],
    ['any include is enough', { include: [{ phase: 'TRAIN' as const }, { min_level: 0 }] }, state(), true],
    ['exclude of the phase', { exclude: [{ phase: 'TEST' as const }] }, state(), false],
    ['min_level above', { include: [{ min_level: 2 }] }, state([], 1), false],
    ['max_level met', { include: [{ max_level: 1 }] }, state([], 1), true],
    ['all stages needed', { include: [{ stage: ['a', 'b'] }] }, state(['a']), false],
    ['all stages there', { include: [{ stage: ['a', 'b'] }] }, state(['b', 'a', 'c']), true],
    ['not_stage', { include: [{ not_stage: ['a'] }] }, state(['a']), false],
    [
      'exclude with all conditions met only',
      { exclude: [{ phase: 'TEST' as const, stage: ['a'] }] },
      state(),
      true,
    ],
  ])('%s', (_what, layer, netState, included) => {
    expect(isIncluded(layer, netState)).toBe(included)
  })

  it('refuses include beside exclude', () => {
    expect(refusal(() => isIncluded({ include: [{}], exclude: [{}] }, state())).code).toBe('bad-rule')
  })
})

describe('parseSolver', () => {
  it('resolves defaults', () => {
    const { spec } = parseSolver(
      'net: "n" base_lr: 0.1 lr_policy: "inv" gamma: 0.5 test_iter: 7 test_iter: 8',
      's',
    )
    expect(spec).toMatchObject({
      type: 'SGD',
      base_lr: 0.1,
      lr_policy: 'inv',
      iter_size: 1,
      clip_gradients: -1,
    })
    expect(spec).toMatchObject({
      test_iter: 7,
      delta: 1e-8,
      momentum2: 0.999,
      rms_decay: 0.99,
      regularization_type: 'L2',
    })
    expect(spec.random_seed).toBe(-1)
  })
  it.each([
    ['NESTEROV', 'Nesterov'],
    ['ADAGRAD', 'AdaGrad'],
    ['RMSPROP', 'RMSProp'],
    ['ADADELTA', 'AdaDelta'],
    ['ADAM', 'Adam'],
  ])('upgrades solver_type %s', (old, type) => {
    expect(parseSolver(`base_lr: 1 lr_policy: "fixed" solver_type: ${old}`, 's').spec.type).toBe(type)
  })
  it.each([
    [
      'base_lr: 1 lr_policy: "stp"',
      "s:1:23: there is no lr_policy 'stp'; known are fixed, step, exp, inv, multistep, poly, sigmoid (did you mean 'step'?)",
    ],
    [
      'base_lr: 1 type: "sgd"',
      "s:1:18: there is no type 'sgd'; known are SGD, Nesterov, AdaGrad, RMSProp, AdaDelta, Adam (did you mean 'SGD'?)",
    ],
    ['lr_policy: "fixed"', "s:1:1: 'base_lr' is missing"],
    ['base_lr: 1 lr_policy: "step"', "s:1:1: 'stepsize' is missing"],
    [
      'base_lr: 1 type: "SGD" solver_type: ADAM',
      "s:1:37: 'solver_type' and 'type' are both given; Caffe takes one of them",
    ],
    [
      'base_lr: 1 momentun: 0.9',
      "s:1:12: unknown field 'momentun' in SolverParameter (did you mean 'momentum'?)",
    ],
  ])('refuses %s', (text, message) => {
    expect(refusal(() => parseSolver(text, 's')).text).toBe(message)
  })
  it('assumes a fixed rate where no policy is given, and says so', () => {
    expect(parseSolver('base_lr: 1', 's').notes[0].message).toContain("'fixed' is assumed")
  })
})
