// The authors' two nets as graphs (lenet_train_test.prototxt of the OLMP repository).

import type { Filler, Layer, LayerOf, NetGraph, Parameter, Shape, Transform } from '../../../main/net/graph'

const FILLER: Filler = {
  type: 'xavier',
  value: 0,
  min: 0,
  max: 1,
  mean: 0,
  std: 1,
  sparse: -1,
  variance_norm: 'FAN_IN',
}

export const MNIST_TRANSFORM: Transform = {
  scale: 0.00390625,
  mirror: false,
  crop_size: 0,
  mean_file: '',
  mean_value: [],
  force_color: false,
  force_gray: false,
}

function parameters(...shapes: Shape[]): Parameter[] {
  return shapes.map((shape, i) => ({ name: '', shape, lr_mult: i + 1, decay_mult: 1, filler: FILLER }))
}

const COMMON = { parameters: [], loss_weights: [0], propagate_down: [] }

function convolution(
  name: string,
  bottom: string,
  outputs: number,
  inputs: number,
  size: number,
  n: number,
): Layer {
  return {
    ...COMMON,
    name,
    type: 'Convolution',
    params: {
      num_output: outputs,
      bias_term: true,
      kernel_size: [5, 5],
      stride: [1, 1],
      pad: [0, 0],
      dilation: [1, 1],
      group: 1,
      axis: 1,
    },
    bottoms: [bottom],
    tops: [name],
    top_shapes: [[n, outputs, size, size]],
    parameters: parameters([outputs, inputs, 5, 5], [outputs]),
  }
}

function pooling(name: string, bottom: string, channels: number, size: number, n: number): Layer {
  return {
    ...COMMON,
    name,
    type: 'Pooling',
    params: {
      pool: 'MAX',
      kernel_size: [2, 2],
      stride: [2, 2],
      pad: [0, 0],
      global_pooling: false,
      round_mode: 'CEIL',
    },
    bottoms: [bottom],
    tops: [name],
    top_shapes: [[n, channels, size, size]],
  }
}

function innerProduct(name: string, bottom: string, outputs: number, inputs: number, n: number): Layer {
  return {
    ...COMMON,
    name,
    type: 'InnerProduct',
    params: { num_output: outputs, bias_term: true, axis: 1, transpose: false },
    bottoms: [bottom],
    tops: [name],
    top_shapes: [[n, outputs]],
    parameters: parameters([outputs, inputs], [outputs]),
  }
}

function relu(name: string, blob: string, shape: Shape): Layer {
  return {
    ...COMMON,
    name,
    type: 'ReLU',
    params: { negative_slope: 0 },
    bottoms: [blob],
    tops: [blob],
    top_shapes: [shape],
  }
}

function body(net: 'lenet5' | 'lenet300100', n: number): { layers: Layer[]; scores: string } {
  if (net === 'lenet5') {
    const layers = [
      convolution('conv1', 'data', 20, 1, 24, n),
      pooling('pool1', 'conv1', 20, 12, n),
      convolution('conv2', 'pool1', 50, 20, 8, n),
      pooling('pool2', 'conv2', 50, 4, n),
      innerProduct('ip1', 'pool2', 500, 800, n),
      relu('relu1', 'ip1', [n, 500]),
      innerProduct('ip2', 'ip1', 10, 500, n),
    ]
    return { layers, scores: 'ip2' }
  }
  const layers = [
    innerProduct('ip1', 'data', 300, 784, n),
    relu('relu1', 'ip1', [n, 300]),
    innerProduct('ip2', 'ip1', 100, 300, n),
    relu('relu2', 'ip2', [n, 100]),
    innerProduct('ip3', 'ip2', 10, 100, n),
  ]
  return { layers, scores: 'ip3' }
}

function input(n: number): LayerOf<'Input'> {
  return {
    ...COMMON,
    name: 'data',
    type: 'Input',
    params: {},
    bottoms: [],
    tops: ['data'],
    top_shapes: [[n, 1, 28, 28]],
  }
}

export function deployGraph(net: 'lenet5' | 'lenet300100'): NetGraph {
  const { layers, scores } = body(net, 1)
  const softmax: LayerOf<'Softmax'> = {
    ...COMMON,
    name: 'prob',
    type: 'Softmax',
    params: { axis: 1 },
    bottoms: [scores],
    tops: ['prob'],
    top_shapes: [[1, 10]],
  }
  return { name: 'LeNet', phase: 'TEST', force_backward: false, layers: [input(1), ...layers, softmax] }
}

/** @param source folder of the test LMDB */
export function testGraph(net: 'lenet5' | 'lenet300100', source: string, n = 100): NetGraph {
  const { layers, scores } = body(net, n)
  const data: LayerOf<'Data'> = {
    ...COMMON,
    name: 'mnist',
    type: 'Data',
    params: {
      source,
      batch_size: n,
      datum_shape: [1, 28, 28],
      transform: MNIST_TRANSFORM,
    },
    bottoms: [],
    tops: ['data', 'label'],
    top_shapes: [[n, 1, 28, 28], [n]],
    loss_weights: [0, 0],
  }
  const accuracy: LayerOf<'Accuracy'> = {
    ...COMMON,
    name: 'accuracy',
    type: 'Accuracy',
    params: { top_k: 1, axis: 1, ignore_label: null },
    bottoms: [scores, 'label'],
    tops: ['accuracy'],
    top_shapes: [[]],
  }
  return { name: 'LeNet', phase: 'TEST', force_backward: false, layers: [data, ...layers, accuracy] }
}

export const lenet5 = deployGraph('lenet5')
