// Damaged Caffe files give a model or an AppError: no other exception, no hang, no memory beyond what the input explains.
// Seeded: a failure names the case, and the case can be run again.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import h5wasm from 'h5wasm/node'
import { afterAll, describe, expect, it } from 'vitest'
import { buildGraph } from '../../main/caffe/build/buildGraph'
import { readMean, readSolverState, readWeights, releaseWeights } from '../../main/caffe/caffemodel'
import { parseNet } from '../../main/caffe/prototxt'
import { caffeRoot, NetParameter } from '../../main/caffe/proto'
import { parseSolver } from '../../main/caffe/solver'
import { deriveDeploy } from '../../main/net/deploy'
import { addAccuracy, parameterCount } from '../../main/net/analysis'
import { AppError } from '../../main/net/errors'
import { goldenCases } from '../golden/describe'

const longestMs = 2000

/** Mulberry32 (public domain): small, seeded, good enough to choose mutations. */
class Random {
  constructor(private state: number) {}
  next(): number {
    this.state = (this.state + 0x6d2b79f5) | 0
    let t = Math.imul(this.state ^ (this.state >>> 15), 1 | this.state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
  below(n: number): number {
    return Math.floor(this.next() * n)
  }
  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)]
  }
}

const tokens = [
  ...[
    '{',
    '}',
    '<',
    '>',
    '[',
    ']',
    ':',
    ',',
    ';',
    '-',
    '"',
    "'",
    '#',
    '\n',
    '\\',
    '\0',
    '\uFEFF',
    '\u{1F600}',
  ],
  ...[
    '0',
    '-1',
    '1e999',
    '4294967295',
    '2147483648',
    '0x7fffffff',
    '007',
    '08',
    'nan',
    'inf',
    '.5',
    '9'.repeat(30),
  ],
  ...[
    'true',
    'MAX',
    'TRAIN',
    'type: "Split"',
    'top: "x"',
    'bottom: "x"',
    'layer {',
    'layers { layer {',
    'input: "x"',
  ],
  ...[
    'include { phase: TEST }',
    'axis: -1',
    'num_output: 2000000000',
    'dim: 0',
    'dim: -1',
    'kernel_size: 0',
    'group: 7',
  ],
  ...[
    '__proto__: 1',
    'constructor { }',
    'shape { }',
    'pyramid_height: 4000000000',
    'tiles: 2000000000',
    'param { name: "w" }',
  ],
]

function mutateText(text: string, random: Random): string {
  let result = text
  for (let n = 1 + random.below(4); n > 0; n--) {
    const at = random.below(result.length + 1)
    const length = random.below(Math.min(60, result.length - at + 1))
    switch (random.below(6)) {
      case 0:
        result = result.slice(0, at) + result.slice(at + length)
        break
      case 1:
        result = result.slice(0, at) + result.slice(at, at + length).repeat(2) + result.slice(at + length)
        break
      case 2:
        result = result.slice(0, at) + String.fromCharCode(random.below(300)) + result.slice(at + 1)
        break
      case 3:
        result = result.replace(/\d+/g, (digits) =>
          random.below(12) === 0 ? String(random.below(2 ** 31)) : digits,
        )
        break
      case 4:
        result = result.replace(/"\w*"/g, (name) =>
          random.below(12) === 0 ? random.pick(['"x"', '""', '"l"']) : name,
        )
        break
      default:
        result = `${result.slice(0, at)} ${random.pick(tokens)} ${result.slice(at)}`
    }
  }
  return result
}

function mutateBytes(bytes: Buffer, random: Random): Buffer {
  const result = Buffer.from(bytes)
  for (let n = 1 + random.below(6); n > 0 && result.length > 0; n--) {
    // the beginning and the places between blobs are where the structure is
    const at = random.below(2) === 0 ? random.below(Math.min(64, result.length)) : random.below(result.length)
    result[at] = random.pick([random.below(256), 0, 0xff, 0x80, result[at] ^ (1 << random.below(8))])
  }
  return random.below(4) === 0 ? result.subarray(0, random.below(result.length + 1)) : result
}

/** True where it was refused by an AppError; anything else fails, with the case that caused it. */
async function check(name: string, action: () => unknown): Promise<boolean> {
  const start = performance.now()
  let refused = false
  try {
    await action()
  } catch (error) {
    if (!(error instanceof AppError)) throw new Error(`${name}: ${String(error)}`, { cause: error })
    expect(error.message.length).toBeLessThan(20_000)
    refused = true
  }
  const elapsedMs = performance.now() - start
  if (elapsedMs > longestMs) throw new Error(`${name} took ${Math.round(elapsedMs)} ms`)
  return refused
}

const lenet = `name: "LeNet"
layer { name: "d" type: "Data" top: "data" top: "label" include { phase: TRAIN } transform_param { scale: 0.00390625 mean_value: 3 crop_size: 24 }
  data_param { source: "a" batch_size: 64 backend: LMDB } }
layer { name: "d" type: "Data" top: "data" top: "label" include { phase: TEST } data_param { source: "b" batch_size: 100 } }
layer { name: "conv1" type: "CConvolution" bottom: "data" top: "conv1" param { lr_mult: 1 } param { lr_mult: 2 }
  convolution_param { num_output: 20 kernel_size: 5 stride: 1 weight_filler { type: "xavier" } } cconvolution_param { gamma: 0.00002 c_rate: 1.9 } }
layer { name: "pool1" type: "Pooling" bottom: "conv1" top: "pool1" pooling_param { pool: MAX kernel_size: 2 stride: 2 } }
layer { name: "ip1" type: "InnerProduct" bottom: "pool1" top: "ip1" param { name: "w" } inner_product_param { num_output: 10 } }
layer { name: "relu" type: "ReLU" bottom: "ip1" top: "ip1" }
layer { name: "slice" type: "Slice" bottom: "ip1" top: "a" top: "b" slice_param { slice_point: 4 } }
layer { name: "concat" type: "Concat" bottom: "b" bottom: "a" top: "c" }
layer { name: "reshape" type: "Reshape" bottom: "c" top: "r" reshape_param { shape { dim: 0 dim: -1 } } }
layer { name: "accuracy" type: "Accuracy" bottom: "r" bottom: "label" top: "accuracy" include { phase: TEST } }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "r" bottom: "label" top: "loss" }`

const old = `name: "old" input: "data" input_dim: 2 input_dim: 3 input_dim: 8 input_dim: 8
layers { layer { name: "pad" type: "padding" pad: 1 } bottom: "data" top: "p" }
layers { layer { name: "c" type: "conv" num_output: 4 kernelsize: 3 blobs_lr: 1 weight_decay: 2 } bottom: "p" top: "c" }
layers { name: "pool" type: POOLING bottom: "c" top: "q" pooling_param { pool: AVE kernel_size: 2 } }`

const solver = `net: "n.prototxt" test_iter: 100 test_interval: 500 base_lr: 0.01 momentum: 0.9 lr_policy: "multistep"
  stepvalue: 5000 stepvalue: 7000 max_iter: 10000 snapshot_prefix: "s" solver_mode: GPU test_state { stage: "a" } type: "Adam"`

describe('damaged prototxt files', () => {
  const golden = goldenCases().map(({ prototxt }) => prototxt)
  it.each([1, 2, 3, 4])('seed %i', async (seed) => {
    const random = new Random(seed)
    let refused = 0
    const cases = 700
    for (let i = 0; i < cases; i++) {
      const text = mutateText(random.pick([lenet, lenet, old, random.pick(golden)]), random)
      const no = await check(`seed ${seed}, net ${i}:\n${text}`, () => {
        const net = parseNet(text, 'fuzz.prototxt')
        for (const phase of ['TRAIN', 'TEST'] as const) {
          const graph = buildGraph(net, { phase, dataShapes: { d: [1, 28, 28] } })
          parameterCount(graph)
          JSON.stringify(deriveDeploy(graph))
          if (graph.layers.some(({ type }) => type === 'SoftmaxWithLoss')) addAccuracy(graph)
        }
      })
      if (no) refused++
      const solverText = mutateText(solver, random)
      await check(`seed ${seed}, solver ${i}:\n${solverText}`, () => parseSolver(solverText, 'fuzz.prototxt'))
    }
    // both outcomes occur, or the mutations test nothing
    expect(refused).toBeGreaterThan(cases / 10)
    expect(refused).toBeLessThan(cases)
  })

  it('bytes that were never text', async () => {
    const random = new Random(5)
    for (let i = 0; i < 300; i++) {
      const bytes = Buffer.from(Array.from({ length: random.below(400) }, () => random.below(256)))
      await check(`bytes ${i}: ${bytes.toString('hex')}`, () =>
        parseNet(bytes.toString('utf8'), 'fuzz.prototxt'),
      )
    }
  })

  it.each([
    ['blanks', ' \t\n'.repeat(300_000)],
    ['comments', '#\n'.repeat(300_000)],
    ['a long string', `name: "${'x'.repeat(1_000_000)}"`],
    ['a string of escapes', `name: "${'\\n'.repeat(1_000_000)}`],
    ['a long number', `input_dim: ${'1'.repeat(1_000_000)}`],
    ['a long name', `${'x'.repeat(1_000_000)}: 1`],
    ['open messages', 'layer {'.repeat(200_000)],
    ['open lists', 'layer ['.repeat(200_000)],
    [
      'layers in reverse order',
      Array.from(
        { length: 5000 },
        (_, i) => `layer { name: "l${i}" type: "ReLU" bottom: "b${i + 1}" top: "b${i}" }`,
      ).join('\n'),
    ],
    [
      'one layer of many tops',
      `input: "x" input_shape { dim: 1 } layer { name: "s" type: "Split" bottom: "x" ${Array.from({ length: 20_000 }, (_, i) => `top: "t${i}"`).join(' ')} }`,
    ],
  ])('%s without end', async (_what, text) => {
    await check(_what, () => buildGraph(parseNet(text, 'fuzz.prototxt'), { phase: 'TEST' }))
  })
})

describe('damaged binary files', () => {
  const folder = mkdtempSync(join(tmpdir(), 'olmp-fuzz-'))
  afterAll(() => rmSync(folder, { recursive: true, force: true }))
  const file = join(folder, 'fuzz.caffemodel')
  const values = (count: number) => Array.from({ length: count }, (_, i) => i)
  const nets = [
    {
      name: 'net',
      layer: [
        {
          name: 'a',
          type: 'Convolution',
          blobs: [
            { shape: { dim: [4, 3, 2, 2] }, data: values(48) },
            { shape: { dim: [4] }, data: values(4) },
          ],
        },
        { name: 'b', type: 'InnerProduct', blobs: [{ shape: { dim: [5, 7] }, double_data: values(35) }] },
      ],
    },
    {
      layers: [
        {
          name: 'a',
          type: 'CONVOLUTION',
          blobs: [{ num: 1, channels: 2, height: 3, width: 4, data: values(24) }],
        },
      ],
    },
    {
      layers: [
        {
          layer: {
            name: 'a',
            type: 'conv',
            blobs: [{ num: 1, channels: 1, height: 1, width: 4, data: values(4) }],
          },
        },
      ],
    },
  ].map((net) => Buffer.from(NetParameter.encode(NetParameter.fromObject(net)).finish()))
  const SolverState = caffeRoot.lookupType('caffe.SolverState')
  const state = Buffer.from(
    SolverState.encode(
      SolverState.fromObject({
        iter: 9,
        learned_net: 'n',
        history: [{ shape: { dim: [6] }, data: values(6) }],
      }),
    ).finish(),
  )

  it.each([11, 12, 13])('seed %i', async (seed) => {
    const random = new Random(seed)
    const rss = process.memoryUsage().rss
    let refused = 0
    const cases = 300
    for (let i = 0; i < cases; i++) {
      const bytes = mutateBytes(random.pick(nets), random)
      writeFileSync(file, bytes)
      const name = `seed ${seed}, case ${i}: ${bytes.toString('hex')}`
      const no = await check(name, async () => {
        const weights = await readWeights(file, { cacheFolder: folder })
        releaseWeights(weights)
        for (const blob of weights.layers.flatMap(({ blobs }) => blobs)) {
          // every place lies within its file
          if (blob.file !== file) continue
          const end = blob.offsetBytes + blob.count * (blob.type === 'float32' ? 4 : 8)
          expect(end, name).toBeLessThanOrEqual(bytes.length)
        }
      })
      if (no) refused++
      writeFileSync(file, mutateBytes(state, random))
      await check(`${name} (state)`, async () =>
        releaseWeights(await readSolverState(file, { cacheFolder: folder })),
      )
      await check(`${name} (mean)`, () => readMean(file, { cacheFolder: folder }))
    }
    expect(refused).toBeGreaterThan(cases / 10)
    expect(refused).toBeLessThan(cases)
    expect(process.memoryUsage().rss - rss).toBeLessThan(200e6)
  })

  it('HDF5 snapshots', async () => {
    await h5wasm.ready
    const whole = join(folder, 'whole.caffemodel.h5')
    const h5 = new h5wasm.File(whole, 'w')
    const layer = h5.create_group('data').create_group('ip')
    layer.create_dataset({ name: '0', data: Float32Array.from(values(6)), shape: [2, 3] })
    layer.create_dataset({ name: '1', data: Float32Array.from(values(2)), shape: [2] })
    h5.close()
    const bytes = readFileSync(whole)
    const random = new Random(15)
    let refused = 0
    for (let i = 0; i < 200; i++) {
      const damaged = Buffer.from(bytes)
      // behind the signature; most of the file is structure
      for (let n = 0; n < 8; n++)
        damaged[8 + random.below(bytes.length - 8)] = random.pick([0, 255, random.below(256)])
      writeFileSync(file, damaged)
      const no = await check(`HDF5 ${i}`, async () =>
        releaseWeights(await readWeights(file, { cacheFolder: folder })),
      )
      if (no) refused++
    }
    expect(refused).toBeGreaterThan(20)
  })

  it('random bytes', async () => {
    const random = new Random(14)
    for (let i = 0; i < 300; i++) {
      const bytes = Buffer.from(Array.from({ length: random.below(300) }, () => random.below(256)))
      writeFileSync(file, bytes)
      await check(`bytes ${i}: ${bytes.toString('hex')}`, () => readWeights(file, { cacheFolder: folder }))
      expect(readFileSync(file)).toEqual(bytes)
    }
  })
})
