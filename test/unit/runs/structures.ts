// Model folders of every structure that a net may have, over pictures that are learnt in seconds.

import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { writeCaffemodel } from '../../../main/caffe/writeCaffemodel'
import type { EngineAddon } from '../../../main/engine/binding'
import { rawWeights } from '../../../main/onnx/sessionWeights'
import { openModel } from '../../../main/runs/openModel'
import { conv, fc, pool, relu } from '../net/clean/nets'
import { uniform } from '../onnx/referenceNet'

const CLASSES = 4
const SIZE = 16

/** Stripes of a class's own direction and width under noise, as Datums in an LMDB. */
export async function stripes(
  addon: EngineAddon,
  folder: string,
  images: number,
  seed: number,
): Promise<void> {
  if (existsSync(folder)) return
  const random = uniform(seed)
  const writer = await addon.createLmdbWriter(folder, 2 ** 26)
  const entries = Array.from({ length: images }, (_, i) => {
    const label = i % CLASSES
    const [dx, dy] = [
      [1, 0],
      [0, 1],
      [0.7, 0.7],
      [0.7, -0.7],
    ][label]
    const phase = random() * 7
    const pixels = Uint8Array.from({ length: 3 * SIZE * SIZE }, (__, at) => {
      const [x, y] = [at % SIZE, Math.floor(at / SIZE) % SIZE]
      return 128 + 60 * Math.sin(1.3 * (x * dx + y * dy) + phase) + 100 * (random() - 0.5)
    })
    // channels, height, width, data (its length as a varint of two bytes), label
    const length = [(pixels.length & 127) | 128, pixels.length >> 7]
    const value = Buffer.from([8, 3, 16, SIZE, 24, SIZE, 34, ...length, ...pixels, 40, label])
    return { key: Buffer.from(String(i).padStart(8, '0')), value }
  })
  await writer.put(entries)
  await writer.close()
}

const FILLED = 'weight_filler { type: "msra" }'
const filled = (text: string): string =>
  text.replace(/(convolution_param|inner_product_param) \{/, `$1 { ${FILLED}`)

function normalised(blob: string): string[] {
  return [
    `name: "bn_${blob}" type: "BatchNorm" bottom: "${blob}" top: "${blob}"`,
    `name: "scale_${blob}" type: "Scale" bottom: "${blob}" top: "${blob}" scale_param { bias_term: true }`,
  ]
}

function inception(name: string, bottom: string): string[] {
  const blobs = ['a', 'b', 'c', 'd'].map((branch) => `${name}/${branch}`)
  const [a, b, c, d] = blobs
  return [
    conv(a, bottom, 6, 'kernel_size: 1'),
    relu(a),
    conv(`${b}/reduce`, bottom, 6, 'kernel_size: 1'),
    relu(`${b}/reduce`),
    conv(b, `${b}/reduce`, 8, 'kernel_size: 3 pad: 1'),
    relu(b),
    conv(`${c}/reduce`, bottom, 4, 'kernel_size: 1'),
    relu(`${c}/reduce`),
    conv(c, `${c}/reduce`, 6, 'kernel_size: 5 pad: 2'),
    relu(c),
    pool(`${d}/pool`, bottom, 'pool: MAX kernel_size: 3 stride: 1 pad: 1'),
    conv(d, `${d}/pool`, 4, 'kernel_size: 1'),
    relu(d),
    `name: "${name}" type: "Concat" ${blobs.map((blob) => `bottom: "${blob}"`).join(' ')} top: "${name}"`,
  ]
}

/** With its bottom, by SoftmaxWithLoss of this weight; `phase` where it is there in one alone. */
function classifier(bottom: string, weight = 1): string[] {
  return [
    fc(`${bottom}/fc`, bottom, CLASSES),
    `name: "${bottom}/accuracy" type: "Accuracy" bottom: "${bottom}/fc" bottom: "label" top: "${bottom}/accuracy" include { phase: TEST }`,
    `name: "${bottom}/loss" type: "SoftmaxWithLoss" bottom: "${bottom}/fc" bottom: "label" top: "${bottom}/loss" loss_weight: ${weight}`,
  ]
}

export interface Structure {
  layers: string[]
  baseRate: number
}

export const structures: Record<string, Structure> = {
  'fully connected': {
    baseRate: 0.01,
    layers: [fc('f1', 'data', 40), relu('f1'), fc('f2', 'f1', 20), relu('f2'), ...classifier('f2')],
  },
  'padded convolutions, maximum and average pooling': {
    baseRate: 0.01,
    layers: [
      conv('c1', 'data', 8, 'kernel_size: 3 pad: 1'),
      relu('c1'),
      pool('p1', 'c1', 'pool: MAX kernel_size: 2 stride: 2'),
      conv('c2', 'p1', 12, 'kernel_size: 3 pad: 1'),
      relu('c2'),
      pool('p2', 'c2', 'pool: AVE kernel_size: 3 stride: 2'),
      conv('c3', 'p2', 16, 'kernel_size: 3 pad: 1'),
      relu('c3'),
      ...classifier('c3'),
    ],
  },
  'groups, normalisation across channels and dropout, as CaffeNet': {
    baseRate: 0.01,
    layers: [
      conv('c1', 'data', 8, 'kernel_size: 5 stride: 2'),
      relu('c1'),
      'name: "n1" type: "LRN" bottom: "c1" top: "n1" lrn_param { local_size: 5 alpha: 0.0001 beta: 0.75 }',
      conv('c2', 'n1', 12, 'kernel_size: 3 pad: 1 group: 2'),
      relu('c2'),
      pool('p2', 'c2', 'pool: MAX kernel_size: 3 stride: 2'),
      conv('c3', 'p2', 12, 'kernel_size: 3 pad: 1 group: 2'),
      relu('c3'),
      fc('f1', 'c3', 24),
      relu('f1'),
      'name: "drop" type: "Dropout" bottom: "f1" top: "f1"',
      ...classifier('f1'),
    ],
  },
  'branches and an auxiliary classifier, as GoogLeNet': {
    baseRate: 0.01,
    layers: [
      conv('stem', 'data', 8, 'kernel_size: 3 stride: 2 pad: 1'),
      relu('stem'),
      ...inception('i1', 'stem'),
      pool('aux', 'i1', 'pool: AVE kernel_size: 4 stride: 2'),
      ...classifier('aux', 0.3),
      ...inception('i2', 'i1'),
      pool('gap', 'i2', 'pool: AVE global_pooling: true'),
      ...classifier('gap'),
    ],
  },
  'residual sums and batch normalisation': {
    // as such nets are trained, and ten times as fast as those above
    baseRate: 0.1,
    layers: [
      conv('c1', 'data', 8, 'kernel_size: 3 pad: 1 stride: 2 bias_term: false'),
      ...normalised('c1'),
      relu('c1'),
      conv('c2', 'c1', 8, 'kernel_size: 3 pad: 1 bias_term: false'),
      ...normalised('c2'),
      'name: "s1" type: "Eltwise" bottom: "c1" bottom: "c2" top: "s1"',
      relu('s1'),
      conv('c3', 's1', 12, 'kernel_size: 3 pad: 1 stride: 2 bias_term: false'),
      ...normalised('c3'),
      conv('short', 's1', 12, 'kernel_size: 1 stride: 2 bias_term: false'),
      ...normalised('short'),
      'name: "s2" type: "Eltwise" bottom: "c3" bottom: "short" top: "s2"',
      relu('s2'),
      pool('gap', 's2', 'pool: AVE global_pooling: true'),
      ...classifier('gap'),
    ],
  },
}

/** Writes the folder, and trains its net for a moment. The data lie beside it. */
export async function makeStructure(
  addon: EngineAddon,
  folder: string,
  { layers, baseRate }: Structure,
): Promise<void> {
  mkdirSync(folder, { recursive: true })
  const data = join(folder, '..')
  await stripes(addon, join(data, 'train'), 480, 3)
  await stripes(addon, join(data, 'test'), 120, 4)
  const source = (phase: string, part: string): string =>
    `layer { name: "data" type: "Data" top: "data" top: "label" include { phase: ${phase} } transform_param { mean_value: 128 scale: 0.02 }
      data_param { source: "${join(data, part)}" batch_size: 16 backend: LMDB } }`
  const net = [
    source('TRAIN', 'train'),
    source('TEST', 'test'),
    ...layers.map((layer) => `layer { ${filled(layer)} }`),
  ]
  writeFileSync(join(folder, 'train_val.prototxt'), net.join('\n'))
  const solver = `net: "train_val.prototxt" base_lr: ${baseRate} lr_policy: "fixed" momentum: 0.9 weight_decay: 0.0005 max_iter: 100`
  writeFileSync(join(folder, 'solver.prototxt'), solver)
  const needs = { train: true, test: true, weights: false, accuracy: false }
  const options = {
    addon,
    cacheFolder: folder,
    threads: 1,
    seed: 7,
    device: 'cpu',
    rateEncoding: 'exact',
    needs,
  } as const
  const opened = await openModel({ folder }, options)
  try {
    if (opened.train === null) throw new Error('no net to train')
    const rates = Float64Array.from({ length: 150 }, (_, i) => baseRate * (1 - i / 150))
    await opened.session.train(rates.length, undefined, rates)
    const blobs = { value: rawWeights(opened.session), mask: async () => undefined }
    await writeCaffemodel(opened.train, blobs, join(folder, 'net.caffemodel'), 'plain')
  } finally {
    await opened.close()
  }
}
