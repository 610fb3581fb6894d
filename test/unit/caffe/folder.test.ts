import { copyFileSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { importFolder } from '../../../main/caffe/folder'
import { BlobProto, caffeRoot } from '../../../main/caffe/proto'
import type { ModelSource } from '../../../main/runs/types'
import { encodeNet, ramp, refusalOf, temporaryFolder, write } from './fixtures'

const root = temporaryFolder()
let made = 0

function modelFolder(files: Record<string, string | Uint8Array>): string {
  const folder = join(root, `model${made++}`)
  mkdirSync(folder)
  for (const [name, content] of Object.entries(files)) write(folder, name, content)
  return folder
}

function lmdb(folder: string, name: string): string {
  const path = join(folder, name)
  mkdirSync(path, { recursive: true })
  write(path, 'data.mdb', 'not read here')
  return path
}

const dataLayer = (
  phase: string,
  transform = '',
) => `layer { name: "mnist" type: "Data" top: "data" top: "label"
  include { phase: ${phase} } ${transform}
  data_param { source: "/home/author/mnist_${phase.toLowerCase()}_lmdb" batch_size: 4 backend: LMDB } }`

const body = `
layer { name: "conv" type: "Convolution" bottom: "data" top: "conv" convolution_param { num_output: 2 kernel_size: 3 } }
layer { name: "ip" type: "InnerProduct" bottom: "conv" top: "ip" inner_product_param { num_output: 3 } }`

const trainTest = `name: "small" ${dataLayer('TRAIN')} ${dataLayer('TEST')} ${body}
layer { name: "accuracy" type: "Accuracy" bottom: "ip" bottom: "label" top: "accuracy" include { phase: TEST } }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "ip" bottom: "label" top: "loss" }`

const deploy = `name: "small" input: "data" input_shape { dim: 1 dim: 1 dim: 8 dim: 8 } ${body}
layer { name: "prob" type: "Softmax" bottom: "ip" top: "prob" }`

const solver = (net = 'models/small/train_test.prototxt', rest = '') =>
  `net: "${net}" base_lr: 0.01 lr_policy: "fixed" max_iter: 100 ${rest}`

/** Weights of the net above for images of this side. */
function weights(side: number, value = 0.5): Buffer {
  const inputs = 2 * (side - 2) ** 2
  const fill = (count: number) => ramp(count).map(() => value)
  return encodeNet({
    name: 'small',
    layer: [
      {
        name: 'conv',
        type: 'Convolution',
        blobs: [
          { shape: { dim: [2, 1, 3, 3] }, data: fill(18) },
          { shape: { dim: [2] }, data: fill(2) },
        ],
      },
      {
        name: 'ip',
        type: 'InnerProduct',
        blobs: [
          { shape: { dim: [3, inputs] }, data: fill(3 * inputs) },
          { shape: { dim: [3] }, data: fill(3) },
        ],
      },
    ],
  })
}

describe('importFolder', () => {
  it('finds the files that belong together, whatever path the solver states', async () => {
    const SolverState = caffeRoot.lookupType('caffe.SolverState')
    const history = [18, 2, 216, 3].map((count, i) => ({
      shape: { dim: [[2, 1, 3, 3], [2], [3, 72], [3]][i] },
      data: ramp(count),
    }))
    const state = SolverState.fromObject({
      iter: 20,
      learned_net: '/elsewhere/small_iter_20.caffemodel',
      history,
    })
    const folder = modelFolder({
      'train_test.prototxt': trainTest,
      'deploy.prototxt': deploy,
      'solver.prototxt': solver(),
      'small_iter_10.caffemodel': weights(8),
      'small_iter_20.caffemodel': weights(8),
      'small_iter_20.solverstate': SolverState.encode(state).finish(),
    })
    const model = await importFolder({ folder })
    const chosen = Object.fromEntries(
      Object.entries(model.files).map(([role, { chosen: file }]) => [role, file?.slice(folder.length + 1)]),
    )
    expect(chosen).toEqual({
      net: 'train_test.prototxt',
      deploy: 'deploy.prototxt',
      solver: 'solver.prototxt',
      weights: 'small_iter_20.caffemodel',
      solverstate: 'small_iter_20.solverstate',
      mean: undefined,
    })
    expect(model.name).toBe('small')
    expect(model.solver?.base_lr).toBe(0.01)
    // the deploy net tells the shape of the data, which is not here
    expect(model.train?.layers[0].top_shapes).toEqual([[4, 1, 8, 8], [4]])
    expect(model.deploy?.layers.at(-1)?.type).toBe('Softmax')
    expect(model.data.map(({ phase, resolved, backend }) => [phase, resolved, backend])).toEqual([
      ['TRAIN', null, 'LMDB'],
      ['TEST', null, 'LMDB'],
    ])
    const warnings = model.notes.filter(({ level }) => level === 'warning')
    expect(warnings.map(({ message }) => message)).toEqual([
      expect.stringContaining(
        "data layer 'mnist' (TRAIN) names '/home/author/mnist_train_lmdb', which is not here",
      ),
      expect.stringContaining(
        "data layer 'mnist' (TEST) names '/home/author/mnist_test_lmdb', which is not here",
      ),
    ])
  })

  it('works out the shape of the data from the weights alone, and derives the deploy net', async () => {
    const folder = modelFolder({ 'a.prototxt': trainTest, 'w.caffemodel': weights(17) })
    const model = await importFolder({ folder })
    expect(model.train?.layers[0].top_shapes[0]).toEqual([4, 1, 17, 17])
    expect(model.deploy?.layers.map(({ type }) => type)).toEqual([
      'Input',
      'Convolution',
      'InnerProduct',
      'Softmax',
    ])
    expect(model.deploy?.layers[0].tops).toEqual(['data'])
    const messages = model.notes.map(({ message }) => message)
    expect(messages).toContainEqual(
      expect.stringContaining('datums of (1, 17, 17) are assumed, from the weights'),
    )
    expect(messages).toContain('there is no solver in this folder: choose the training settings')
  })

  it('finds datasets by their last name, asks what they hold, and takes remapped ones', async () => {
    const folder = modelFolder({ 'train_test.prototxt': trainTest, 's.prototxt': solver() })
    const inside = lmdb(folder, 'data/mnist_train_lmdb')
    const elsewhere = lmdb(root, 'another')
    const asked: string[] = []
    const describeDatums = async (path: string) => {
      asked.push(path)
      return { entries: 9, shape: [1, 12, 12] as [number, number, number], encoded: false, floatData: false }
    }
    const model = await importFolder({ folder, dataTest: elsewhere }, { describeDatums })
    expect(asked).toEqual([inside, elsewhere])
    expect(model.data.map(({ resolved, info }) => [resolved, info?.entries])).toEqual([
      [inside, 9],
      [elsewhere, 9],
    ])
    const [layer] = model.train?.layers ?? []
    expect(layer.type === 'Data' && layer.params).toMatchObject({ source: inside, datum_shape: [1, 12, 12] })
  })

  it('has other datasets converted, and passes on what the user chose', async () => {
    const folder = modelFolder({ 'train_test.prototxt': trainTest })
    const requests: object[] = []
    const info = {
      entries: 1,
      shape: [1, 8, 8] as [number, number, number],
      encoded: false,
      floatData: false,
    }
    const model = await importFolder(
      { folder, dataTrain: 'mnist' },
      { resolveData: async (request) => (requests.push(request), { folder: '/cache/mnist', info }) },
    )
    expect(requests).toEqual([
      { kind: 'train', phase: 'TRAIN', layer: 'mnist', path: 'mnist', remapped: true },
    ])
    expect(model.data[0].resolved).toBe('/cache/mnist')
  })

  it('says of data that is no database what to do, once for both phases', async () => {
    const images = `name: "i" layer { name: "d" type: "ImageData" top: "data" top: "label"
      image_data_param { source: "list.txt" batch_size: 2 new_height: 8 new_width: 8 is_color: false } }
      ${body} layer { name: "loss" type: "SoftmaxWithLoss" bottom: "ip" bottom: "label" top: "loss" }`
    const { notes, data } = await importFolder({ folder: modelFolder({ 'net.prototxt': images }) })
    expect(data.map(({ backend, statedSource }) => [backend, statedSource])).toEqual([
      ['images', 'list.txt'],
      ['images', 'list.txt'],
    ])
    const messages = notes.map(({ message }) => message)
    expect(messages).toContain(
      "data layer 'd' (TRAIN) reads images ('list.txt'): choose an LMDB or LevelDB in its place",
    )
    expect(messages.filter((message) => message.includes('ImageData is read as a Data layer'))).toHaveLength(
      1,
    )
  })

  it('refuses a dataset that the user chose and that is none', async () => {
    const folder = modelFolder({ 'train_test.prototxt': trainTest })
    expect((await refusalOf(importFolder({ folder, dataTrain: folder }))).code).toBe('no-dataset')
  })

  it('takes the shape and the file of the mean image', async () => {
    const mean = BlobProto.fromObject({ num: 1, channels: 1, height: 9, width: 9, data: ramp(81) })
    const net = trainTest.replaceAll(
      'data_param',
      'transform_param { mean_file: "examples/x/mean.binaryproto" } data_param',
    )
    const folder = modelFolder({
      'train_test.prototxt': net,
      'mean.binaryproto': BlobProto.encode(mean).finish(),
      'other.binaryproto': BlobProto.encode(mean).finish(),
    })
    const model = await importFolder({ folder })
    expect(model.files.mean.chosen).toBe(join(folder, 'mean.binaryproto'))
    expect(model.files.mean.candidates.map(({ reason }) => reason)).toEqual([
      'named by a data layer',
      'no data layer names it',
    ])
    const [layer] = model.train?.layers ?? []
    expect(layer.type === 'Data' && layer.params).toMatchObject({
      datum_shape: [1, 9, 9],
      transform: { mean_file: join(folder, 'mean.binaryproto') },
    })
  })

  it('warns of a mean image of another size, and refuses datasets of two sizes', async () => {
    const mean = BlobProto.fromObject({ num: 1, channels: 1, height: 9, width: 9, data: ramp(81) })
    const net = trainTest.replace(
      'data_param',
      'transform_param { mean_file: "mean.binaryproto" } data_param',
    )
    const folder = modelFolder({
      'train_test.prototxt': net,
      'mean.binaryproto': BlobProto.encode(mean).finish(),
    })
    lmdb(folder, 'mnist_train_lmdb')
    lmdb(folder, 'mnist_test_lmdb')
    const sized = (train: number, test: number) =>
      importFolder(
        { folder },
        {
          describeDatums: async (path) => {
            const side = path.endsWith('mnist_train_lmdb') ? train : test
            return { entries: 1, shape: [1, side, side], encoded: false, floatData: false }
          },
        },
      )
    const { notes } = await sized(8, 8)
    expect(notes.map(({ message }) => message)).toContain(
      "the mean image of data layer 'mnist' is (1, 9, 9), its datums are (1, 8, 8)",
    )
    const refused = await refusalOf(sized(8, 10))
    expect(refused.code).toBe('shape-mismatch')
    expect(refused.text).toContain(
      "layer 'ip' has parameters of (3, 72) and (3) in training and (3, 128) and (3) in testing",
    )
  })

  it('prefers weights that fit, that are not pruned, and says why', async () => {
    const folder = modelFolder({
      'train_test.prototxt': trainTest,
      'deploy.prototxt': deploy,
      'a_pruned.caffemodel': weights(8, 0),
      'b_other.caffemodel': weights(9),
      'c_right.caffemodel': weights(8),
      'd_broken.caffemodel': weights(8).subarray(0, 300),
    })
    const { files, weights: chosen, notes } = await importFolder({ folder })
    expect(chosen?.file).toBe(join(folder, 'c_right.caffemodel'))
    expect(
      files.weights.candidates.map(({ file, reason }) => [file.slice(folder.length + 1), reason]),
    ).toEqual([
      ['c_right.caffemodel', "239 of the net's 239 parameters"],
      ['a_pruned.caffemodel', "239 of the net's 239 parameters; 100% zeros: already pruned"],
      [
        'b_other.caffemodel',
        "23 of the net's 239 parameters; other shapes in ip (blob 0 is (3, 98), the net needs (3, 72))",
      ],
      ['d_broken.caffemodel', expect.stringContaining('the file ends inside the field at byte')],
    ])
    expect(
      notes.some(({ file, level }) => level === 'warning' && file?.endsWith('d_broken.caffemodel')),
    ).toBe(true)
  })

  it('lets the user choose, and refuses what does not fit', async () => {
    const folder = modelFolder({
      'train_test.prototxt': trainTest,
      'deploy.prototxt': deploy,
      'other.prototxt': trainTest.replace('"small"', '"other"'),
      'solver.prototxt': solver(),
      'right.caffemodel': weights(8),
      'wrong.caffemodel': weights(9),
    })
    const source: ModelSource = { folder, net: join(folder, 'other.prototxt') }
    expect((await importFolder(source)).name).toBe('other')
    const refused = await refusalOf(importFolder({ folder, weights: join(folder, 'wrong.caffemodel') }))
    expect(refused.code).toBe('shape-mismatch')
    expect(refused.text).toContain('other shapes in ip')
    expect((await refusalOf(importFolder({ folder, net: join(folder, 'solver.prototxt') }))).code).toBe(
      'not-caffe',
    )
    expect((await refusalOf(importFolder({ folder, solver: join(folder, 'deploy.prototxt') }))).code).toBe(
      'not-caffe',
    )
  })

  it('takes the one of several nets that the weights know', async () => {
    const folder = modelFolder({
      'a.prototxt': trainTest.replaceAll('"ip"', '"fc"').replaceAll('"conv"', '"c"'),
      'b.prototxt': trainTest,
      'w.caffemodel': weights(8),
    })
    expect((await importFolder({ folder })).files.net.chosen).toBe(join(folder, 'b.prototxt'))
  })

  it('assumes a stage where the data layers want one', async () => {
    const staged = trainTest.replace('phase: TEST', 'phase: TEST stage: "val"')
    const folder = modelFolder({ 'train_test.prototxt': staged, 'deploy.prototxt': deploy })
    const { test, notes } = await importFolder({ folder })
    expect(test?.layers[0].type).toBe('Data')
    expect(notes.map(({ message }) => message)).toContain(
      "the TEST net needs a stage, and no solver names one: 'val' is assumed",
    )
    write(folder, 'solver.prototxt', solver('train_test.prototxt', 'test_state { stage: "val" }'))
    expect((await importFolder({ folder })).notes.some(({ message }) => message.includes('stage'))).toBe(
      false,
    )
  })

  it('imports a folder with a deploy net only, and says what is missing', async () => {
    const folder = modelFolder({ 'deploy.prototxt': deploy, 'w.caffemodel': weights(8) })
    const model = await importFolder({ folder })
    expect([model.train, model.test]).toEqual([null, null])
    expect(model.deploy?.layers).toHaveLength(4)
    expect(model.weights).not.toBeNull()
    expect(model.notes.map(({ message }) => message)).toEqual([
      'there is no net to train in this folder, only one to deploy',
    ])
  })

  it('passes over files that are broken or something else, with their place', async () => {
    const folder = modelFolder({ 'train_test.prototxt': trainTest, 'deploy.prototxt': deploy })
    write(folder, 'broken.prototxt', 'layer {\n  nme: "x" }')
    write(folder, 'labels.pbtxt', 'item { id: 1 }')
    const { notes } = await importFolder({ folder })
    const told = notes.filter(({ message }) => message.startsWith('not used'))
    expect(told.map(({ message, file, line }) => [message, file?.slice(folder.length + 1), line])).toEqual([
      ["not used: unknown field 'nme' in LayerParameter (did you mean 'name'?)", 'broken.prototxt', 2],
      ['not used: this is neither a Caffe net nor a solver', 'labels.pbtxt', undefined],
    ])
  })

  it.each([
    ['no prototxt', {}, 'no-net', 'there is no Caffe net in this folder'],
    [
      'only a broken one',
      { 'a.prototxt': 'layer {' },
      'no-net',
      "a.prototxt:1: no prototxt in this folder can be used: the message opened here is never closed by '}'",
    ],
    [
      'a net with a wrong connection',
      { 'a.prototxt': trainTest.replace('bottom: "conv"', 'bottom: "cnv"'), 'd.prototxt': deploy },
      'dangling-bottom',
      "reads the blob 'cnv', which no layer before it makes (did you mean 'conv'?)",
    ],
  ])('refuses a folder with %s', async (_what, files, code, message) => {
    const refused = await refusalOf(importFolder({ folder: modelFolder(files) }))
    expect(refused.code).toBe(code)
    expect(refused.text).toContain(message)
  })

  it('refuses a folder that is not there', async () => {
    expect((await refusalOf(importFolder({ folder: join(root, 'none') }))).code).toBe('no-folder')
  })

  it('finds weights in subfolders', async () => {
    const folder = modelFolder({
      'train_test.prototxt': trainTest,
      'deploy.prototxt': deploy,
      'w.caffemodel': weights(8),
    })
    mkdirSync(join(folder, 'snapshots'))
    copyFileSync(join(folder, 'w.caffemodel'), join(folder, 'snapshots', 'w_iter_5.caffemodel'))
    expect((await importFolder({ folder })).files.weights.chosen).toBe(
      join(folder, 'snapshots', 'w_iter_5.caffemodel'),
    )
  })
})
