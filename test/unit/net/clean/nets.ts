// Nets in Caffe's text with random sparse parameters, and what onnxruntime makes of them.

import { buildGraph } from '../../../../main/caffe/build/buildGraph'
import { parseNet } from '../../../../main/caffe/prototxt'
import type { LayerBlobs, MaskedBlob } from '../../../../main/net/clean/blobs'
import { count, isPrunable, type NetGraph } from '../../../../main/net/graph'
import { exportOnnx } from '../../../../main/onnx/exportOnnx'
import { OnnxRuntime } from '../../../../main/onnx/runtime'
import { uniform } from '../../onnx/referenceNet'

/** Of Caffe's layer texts, without their `layer { }`, behind an input of this shape. */
export function netOf(input: number[], layers: string[]): NetGraph {
  const dims = input.map((dim) => `dim: ${dim}`).join(' ')
  const data = `layer { name: "data" type: "Input" top: "data" input_param { shape { ${dims} } } }`
  return graphOf([data, ...layers.map((layer) => `layer { ${layer} }`)].join('\n'))
}

export function graphOf(prototxt: string): NetGraph {
  return buildGraph(parseNet(prototxt, 'net.prototxt'), { phase: 'TEST' })
}

export function conv(name: string, bottom: string, outputs: number, more = 'kernel_size: 3'): string {
  return `name: "${name}" type: "Convolution" bottom: "${bottom}" top: "${name}" convolution_param { num_output: ${outputs} ${more} }`
}

export function fc(name: string, bottom: string, outputs: number, more = ''): string {
  return `name: "${name}" type: "InnerProduct" bottom: "${bottom}" top: "${name}" inner_product_param { num_output: ${outputs} ${more} }`
}

export function relu(blob: string): string {
  return `name: "relu_${blob}" type: "ReLU" bottom: "${blob}" top: "${blob}"`
}

export function pool(name: string, bottom: string, more: string): string {
  return `name: "${name}" type: "Pooling" bottom: "${bottom}" top: "${name}" pooling_param { ${more} }`
}

export interface Density {
  /** Shares kept. */
  weights: number
  biases: number
  /** Outputs with a weight at all. */
  outputs: number
}

/** Masks on what can be pruned; running statistics and factors of other layers without. */
export function randomBlobs(
  graph: NetGraph,
  seed: number,
  density: Density = { weights: 0.3, biases: 0.6, outputs: 0.5 },
): Map<string, MaskedBlob[]> {
  const random = uniform(seed * 7919 + 1)
  const masked = (size: number, share: number): Float32Array =>
    Float32Array.from({ length: size }, () => (random() < share ? 1 : 0))
  const signed = (size: number, spread: number): Float32Array =>
    Float32Array.from({ length: size }, () => (random() - 0.5) * spread)
  const positive = (size: number): Float32Array => Float32Array.from({ length: size }, () => 0.5 + random())
  const blobs = new Map<string, MaskedBlob[]>()
  for (const layer of graph.layers.filter(({ parameters }) => parameters.length > 0)) {
    const sizes = layer.parameters.map(({ shape }) => count(shape))
    if (isPrunable(layer)) {
      const [size] = sizes
      const mask = masked(size, density.weights)
      const outputs = layer.params.num_output
      const transposed = layer.type === 'InnerProduct' && layer.params.transpose
      const alive = masked(outputs, density.outputs)
      mask.forEach((_, i) => {
        if (alive[transposed ? i % outputs : Math.floor((i * outputs) / size)] === 0) mask[i] = 0
      })
      const bias = sizes.slice(1).map((n) => ({ values: signed(n, 2), mask: masked(n, density.biases) }))
      blobs.set(layer.name, [{ values: signed(size, 2), mask }, ...bias])
    } else if (layer.type === 'BatchNorm') {
      blobs.set(layer.name, [
        { values: signed(sizes[0], 1) },
        { values: positive(sizes[1]) },
        { values: Float32Array.of(2) },
      ])
    } else {
      blobs.set(
        layer.name,
        sizes.map((n) => ({ values: signed(n, 2) })),
      )
    }
  }
  return blobs
}

export function copyOf(blobs: LayerBlobs): Map<string, MaskedBlob[]> {
  const copies = [...blobs].map(([name, list]): [string, MaskedBlob[]] => [
    name,
    list.map(({ values, mask }) => ({ values: values.slice(), mask: mask?.slice() })),
  ])
  return new Map(copies)
}

/** Values as they act. */
export function masked(blobs: LayerBlobs): (layer: string, slot: number) => Promise<Float32Array> {
  return async (layer, slot) => {
    const { values, mask } = blobs.get(layer)![slot]
    return mask === undefined ? values : values.map((value, i) => (mask[i] === 0 ? 0 : value))
  }
}

/** Every output of the net for three random images. */
export async function outputsOf(
  graph: NetGraph,
  weights: (layer: string, slot: number) => Promise<Float32Array>,
): Promise<Record<string, Float32Array>> {
  const runtime = await OnnxRuntime.load(await exportOnnx(graph, weights))
  const [, ...item] = graph.layers[0].top_shapes[0]
  const random = uniform(5)
  const shape = [3, ...item]
  const values = Float32Array.from({ length: count(shape) }, () => random() * 2 - 1)
  const outputs = await runtime.run({ data: { shape, values } })
  await runtime.dispose()
  return Object.fromEntries(Object.entries(outputs).map(([name, tensor]) => [name, tensor.values]))
}

/** Largest difference, over the largest magnitude. */
export function difference(a: Record<string, Float32Array>, b: Record<string, Float32Array>): number {
  let largest = 0
  let magnitude = 1
  for (const [name, values] of Object.entries(a)) {
    values.forEach((value, i) => {
      largest = Math.max(largest, Math.abs(value - b[name][i]))
      magnitude = Math.max(magnitude, Math.abs(value))
    })
  }
  return largest / magnitude
}

/** Small nets that have between them every layer type the cleaner knows, and some it does not. */
export const nets: Record<string, () => NetGraph> = {
  'convolutions, pooling, inner products': () =>
    netOf(
      [1, 3, 12, 12],
      [
        conv('c1', 'data', 8),
        relu('c1'),
        pool('p1', 'c1', 'pool: MAX kernel_size: 2 stride: 2'),
        conv('c2', 'p1', 10, 'kernel_size: 2'),
        relu('c2'),
        pool('p2', 'c2', 'pool: AVE kernel_size: 2 stride: 2'),
        fc('f1', 'p2', 12),
        relu('f1'),
        'name: "drop" type: "Dropout" bottom: "f1" top: "f1"',
        fc('f2', 'f1', 9, 'transpose: true'),
        'name: "sig" type: "Sigmoid" bottom: "f2" top: "f2"',
        fc('f3', 'f2', 4),
        'name: "prob" type: "Softmax" bottom: "f3" top: "prob"',
      ],
    ),
  'padded convolutions in groups, LRN': () =>
    netOf(
      [1, 4, 9, 9],
      [
        conv('c1', 'data', 12, 'kernel_size: 3 pad: 1'),
        relu('c1'),
        'name: "n1" type: "LRN" bottom: "c1" top: "n1" lrn_param { local_size: 5 alpha: 0.1 }',
        conv('c2', 'n1', 16, 'kernel_size: 3 pad: 1 group: 4'),
        relu('c2'),
        conv('c3', 'c2', 16, 'kernel_size: 2 group: 2'),
        relu('c3'),
        conv('c4', 'c3', 16, 'kernel_size: 2 group: 16'),
        relu('c4'),
        pool('p', 'c4', 'pool: AVE kernel_size: 3 stride: 2 pad: 1'),
        fc('f', 'p', 5),
      ],
    ),
  'residual blocks': () => {
    const normalised = (name: string): string[] => [
      `name: "bn_${name}" type: "BatchNorm" bottom: "${name}" top: "${name}" batch_norm_param { use_global_stats: true }`,
      `name: "scale_${name}" type: "Scale" bottom: "${name}" top: "${name}" scale_param { bias_term: true }`,
    ]
    const plain = 'kernel_size: 3 pad: 1 bias_term: false'
    return netOf(
      [1, 3, 8, 8],
      [
        conv('c1', 'data', 10, plain),
        ...normalised('c1'),
        relu('c1'),
        conv('c2', 'c1', 12, plain),
        ...normalised('c2'),
        relu('c2'),
        conv('c3', 'c2', 10, 'kernel_size: 1'),
        ...normalised('c3'),
        'name: "sum" type: "Eltwise" bottom: "c1" bottom: "c3" top: "sum" eltwise_param { operation: SUM coeff: 1 coeff: -0.5 }',
        relu('sum'),
        conv('c4', 'sum', 8, 'kernel_size: 1'),
        'name: "pr" type: "PReLU" bottom: "c4" top: "c4"',
        conv('c5', 'sum', 8, 'kernel_size: 1'),
        'name: "b5" type: "Bias" bottom: "c5" top: "c5"',
        'name: "max" type: "Eltwise" bottom: "c4" bottom: "c5" top: "max" eltwise_param { operation: MAX }',
        pool('gap', 'max', 'pool: AVE global_pooling: true'),
        fc('f', 'gap', 4),
      ],
    )
  },
  'branches joined and cut': () =>
    netOf(
      [1, 3, 8, 8],
      [
        conv('stem', 'data', 8),
        relu('stem'),
        'name: "split" type: "Split" bottom: "stem" top: "left" top: "right"',
        conv('a', 'left', 6, 'kernel_size: 1'),
        relu('a'),
        conv('b', 'right', 5, 'kernel_size: 3 pad: 1'),
        'name: "elu" type: "ELU" bottom: "b" top: "b"',
        pool('c', 'stem', 'pool: MAX kernel_size: 3 stride: 1 pad: 1'),
        'name: "join" type: "Concat" bottom: "a" bottom: "b" bottom: "c" top: "join"',
        'name: "cut" type: "Slice" bottom: "join" top: "x" top: "y" slice_param { slice_point: 9 }',
        'name: "flatx" type: "Flatten" bottom: "x" top: "flatx"',
        fc('fx', 'flatx', 7),
        'name: "tanh" type: "TanH" bottom: "fx" top: "fx"',
        conv('cy', 'y', 7),
        'name: "abs" type: "AbsVal" bottom: "cy" top: "ay"',
        'name: "rows" type: "Reshape" bottom: "ay" top: "rows" reshape_param { shape { dim: 0 dim: -1 } }',
        'name: "both" type: "Concat" bottom: "fx" bottom: "rows" top: "both"',
        fc('out', 'both', 3),
      ],
    ),
  'elementwise layers and layers left alone': () =>
    netOf(
      [1, 2, 6, 6],
      [
        conv('c1', 'data', 8),
        'name: "pow" type: "Power" bottom: "c1" top: "c1" power_param { power: 2 scale: 0.5 shift: 1 }',
        conv('c2', 'c1', 8, 'kernel_size: 1'),
        'name: "bnll" type: "BNLL" bottom: "c2" top: "c2"',
        conv('c3', 'c2', 8, 'kernel_size: 1'),
        'name: "swish" type: "Swish" bottom: "c3" top: "c3"',
        conv('c4', 'c3', 8, 'kernel_size: 1'),
        'name: "clip" type: "Clip" bottom: "c4" top: "c4" clip_param { min: -0.5 max: 0.5 }',
        conv('c5', 'c4', 8, 'kernel_size: 1'),
        'name: "exp" type: "Exp" bottom: "c5" top: "c5" exp_param { scale: 0.3 }',
        conv('c6', 'c5', 8, 'kernel_size: 1'),
        'name: "log" type: "Log" bottom: "c5" top: "log" log_param { shift: 3 }',
        // a channel that never varies has a deviation of rounding errors only: eps keeps them small
        'name: "mvn" type: "MVN" bottom: "c6" top: "mvn" mvn_param { eps: 0.1 }',
        'name: "prod" type: "Eltwise" bottom: "mvn" bottom: "log" top: "prod" eltwise_param { operation: PROD }',
        conv('c7', 'prod', 6, 'kernel_size: 1'),
        relu('c7'),
        'name: "up" type: "Deconvolution" bottom: "c7" top: "up" convolution_param { num_output: 4 kernel_size: 2 }',
        'name: "norm" type: "LRN" bottom: "c7" top: "norm" lrn_param { norm_region: WITHIN_CHANNEL local_size: 3 }',
        fc('f1', 'up', 5),
        fc('f2', 'norm', 5),
        'name: "sum" type: "Eltwise" bottom: "f1" bottom: "f2" top: "sum"',
      ],
    ),
}
