// The OLMP authors' LeNet-300-100 and LeNet-5 as net graphs, and their trained weights, without the importer: these
// tests are about the engine.

import { readFileSync } from 'node:fs'
import { Reader } from 'protobufjs'

import type { BlobPlacement, Session } from '../../main/engine/binding'
import type {
  Filler,
  Layer,
  LayerOf,
  NetGraph,
  Parameter,
  Phase,
  Shape,
  SolverSpec,
} from '../../main/net/graph'
import { count } from '../../main/net/graph'
import { sharedFile } from './shared'

export type LeNet = 'lenet300100' | 'lenet5'

export interface LeNetOptions {
  batch?: number
  /** LMDB folder */
  source: string
  /** Drops random units of the last hidden layer; to make a net's future depend on the session's generator. */
  dropout?: number
}

const constantFiller: Filler = {
  type: 'constant',
  value: 0,
  min: 0,
  max: 1,
  mean: 0,
  std: 1,
  sparse: -1,
  variance_norm: 'FAN_IN',
}

function weightsAndBias(shape: Shape): Parameter[] {
  return [
    { name: '', shape, lr_mult: 1, decay_mult: 1, filler: { ...constantFiller, type: 'xavier' } },
    { name: '', shape: [shape[0]], lr_mult: 2, decay_mult: 1, filler: constantFiller },
  ]
}

/** Chains layers, each on the top of the one before. */
class Chain {
  readonly layers: Layer[] = []
  private top = 'data'
  private shape: Shape

  constructor(options: LeNetOptions, batch: number) {
    this.shape = [batch, 1, 28, 28]
    this.layers.push({
      name: 'mnist',
      type: 'Data',
      params: {
        source: options.source,
        batch_size: batch,
        datum_shape: [1, 28, 28],
        transform: {
          scale: 0.00390625,
          mirror: false,
          crop_size: 0,
          mean_file: '',
          mean_value: [],
          force_color: false,
          force_gray: false,
        },
      },
      bottoms: [],
      tops: ['data', 'label'],
      top_shapes: [this.shape, [batch]],
      parameters: [],
      loss_weights: [0, 0],
      propagate_down: [],
    })
  }

  private common(name: string, top: string, shape: Shape) {
    const bottoms = [this.top]
    this.top = top
    this.shape = shape
    return { name, bottoms, tops: [top], top_shapes: [shape], loss_weights: [0], propagate_down: [] }
  }

  convolution(name: string, outputs: number, kernel: number): void {
    const [batch, channels, height, width] = this.shape
    this.layers.push({
      type: 'Convolution',
      params: {
        num_output: outputs,
        bias_term: true,
        kernel_size: [kernel, kernel],
        stride: [1, 1],
        pad: [0, 0],
        dilation: [1, 1],
        group: 1,
        axis: 1,
      },
      parameters: weightsAndBias([outputs, channels, kernel, kernel]),
      ...this.common(name, name, [batch, outputs, height - kernel + 1, width - kernel + 1]),
    })
  }

  maxPooling(name: string): void {
    const [batch, channels, height, width] = this.shape
    this.layers.push({
      type: 'Pooling',
      params: {
        pool: 'MAX',
        kernel_size: [2, 2],
        stride: [2, 2],
        pad: [0, 0],
        global_pooling: false,
        round_mode: 'CEIL',
      },
      parameters: [],
      ...this.common(name, name, [batch, channels, height / 2, width / 2]),
    })
  }

  innerProduct(name: string, outputs: number): void {
    const [batch, ...rest] = this.shape
    this.layers.push({
      type: 'InnerProduct',
      params: { num_output: outputs, bias_term: true, axis: 1, transpose: false },
      parameters: weightsAndBias([outputs, count(rest)]),
      ...this.common(name, name, [batch, outputs]),
    })
  }

  relu(name: string): void {
    const params = { negative_slope: 0 }
    this.layers.push({ type: 'ReLU', params, parameters: [], ...this.common(name, this.top, this.shape) })
  }

  dropout(name: string, ratio: number): void {
    const params = { dropout_ratio: ratio }
    this.layers.push({ type: 'Dropout', params, parameters: [], ...this.common(name, this.top, this.shape) })
  }

  /** Accuracy and loss on the last top. */
  finish(): Layer[] {
    const common = { bottoms: [this.top, 'label'], top_shapes: [[]], parameters: [], propagate_down: [] }
    const accuracy: LayerOf<'Accuracy'> = {
      name: 'accuracy',
      type: 'Accuracy',
      params: { top_k: 1, axis: 1, ignore_label: null },
      tops: ['accuracy'],
      loss_weights: [0],
      ...common,
    }
    const loss: LayerOf<'SoftmaxWithLoss'> = {
      name: 'loss',
      type: 'SoftmaxWithLoss',
      params: { axis: 1, normalization: 'VALID', ignore_label: null },
      tops: ['loss'],
      loss_weights: [1],
      ...common,
    }
    return [...this.layers, accuracy, loss]
  }
}

export function leNetGraph(net: LeNet, phase: Phase, options: LeNetOptions): NetGraph {
  const chain = new Chain(options, options.batch ?? (phase === 'TRAIN' ? 64 : 100))
  if (net === 'lenet300100') {
    chain.innerProduct('ip1', 300)
    chain.relu('relu1')
    chain.innerProduct('ip2', 100)
    chain.relu('relu2')
  } else {
    chain.convolution('conv1', 20, 5)
    chain.maxPooling('pool1')
    chain.convolution('conv2', 50, 5)
    chain.maxPooling('pool2')
    chain.innerProduct('ip1', 500)
    chain.relu('relu1')
  }
  if (options.dropout !== undefined) chain.dropout('drop', options.dropout)
  chain.innerProduct(net === 'lenet300100' ? 'ip3' : 'ip2', 10)
  return { name: net, phase, force_backward: false, layers: chain.finish() }
}

/** lenet_solver.prototxt */
export const leNetSolver: SolverSpec = {
  type: 'SGD',
  base_lr: 0.01,
  lr_policy: 'inv',
  gamma: 0.0001,
  power: 0.75,
  stepsize: 0,
  stepvalue: [],
  max_iter: 30000,
  momentum: 0.9,
  momentum2: 0.999,
  rms_decay: 0.99,
  delta: 1e-8,
  weight_decay: 0.0005,
  regularization_type: 'L2',
  clip_gradients: -1,
  iter_size: 1,
  test_iter: 100,
  test_interval: 500,
  display: 100,
  average_loss: 1,
  random_seed: -1,
}

const weightFiles: Record<LeNet, string> = {
  lenet300100: 'lenet300100_iter_10000.caffemodel',
  lenet5: 'caffe_lenet5_original.caffemodel',
}

interface FloatRun {
  layer: string
  blob: number
  offsetBytes: number
  count: number
}

// NetParameter: 100 layer { 1 name, 7 blobs }, 2 layers { 4 name, 6 blobs }; BlobProto: 5 packed data (caffe.proto)
const layerFields = new Map([
  [100, { name: 1, blobs: 7 }],
  [2, { name: 4, blobs: 6 }],
])

/** Calls `visit` with every length-delimited field of the message that ends at `end`. */
function eachField(reader: Reader, end: number, visit: (field: number, end: number) => void): void {
  while (reader.pos < end) {
    const tag = reader.uint32()
    if ((tag & 7) !== 2) {
      reader.skipType(tag & 7)
      continue
    }
    const length = reader.uint32()
    const next = reader.pos + length
    visit(tag >>> 3, next)
    reader.pos = next
  }
}

function findFloats(bytes: Uint8Array): FloatRun[] {
  const runs: FloatRun[] = []
  const reader = Reader.create(bytes)
  eachField(reader, bytes.length, (field, layerEnd) => {
    const fields = layerFields.get(field)
    if (fields === undefined) return
    let layer = ''
    let blob = 0
    eachField(reader, layerEnd, (part, end) => {
      if (part === fields.name) layer = new TextDecoder().decode(bytes.subarray(reader.pos, end))
      if (part !== fields.blobs) return
      eachField(reader, end, (blobField, dataEnd) => {
        if (blobField !== 5) return
        runs.push({ layer, blob, offsetBytes: reader.pos, count: (dataEnd - reader.pos) / 4 })
      })
      blob++
    })
  })
  return runs
}

/** Loads the reference weights of the OLMP authors; masks stored with them are left out. */
export async function loadReference(session: Session, net: LeNet): Promise<void> {
  const file = sharedFile('reference', 'olmp', net, weightFiles[net])
  const runs = findFloats(readFileSync(file))
  const placements = session.parameters.map((parameter, index): BlobPlacement => {
    const run = runs.find(({ layer, blob }) => layer === parameter.layer && blob === parameter.slot)
    if (run === undefined) throw new Error(`${file} has no blob ${parameter.slot} of ${parameter.layer}`)
    const { offsetBytes, count } = run
    return { parameter: index, part: 'value', file, offsetBytes, count, type: 'float32' }
  })
  await session.loadParameters(placements)
}
