// Makes a model folder of a large net of others' over small synthetic data, to take it through everything without ImageNet:
//
//   node scripts/syntheticFolder.mjs TRAIN_VAL_PROTOTXT FOLDER
//
// for example models/bvlc_reference_caffenet/train_val.prototxt or models/bvlc_googlenet/train_val.prototxt of the public
// repository BVLC/caffe. The net keeps its layers but for its outputs: 10 classes, each a colour and stripes of a direction
// under noise; 600 pictures to train on and 100 to test, small batches. Then `olmp train`, `olmp compress`, `olmp export`.
import fs from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { projectRoot } from './setup/shell.mjs'

const CLASSES = 10
const SIZE = 256
const SOLVER = `net: "train_val.prototxt"
base_lr: 0.004
lr_policy: "fixed"
momentum: 0.9
weight_decay: 0.0005
max_iter: 80
display: 10
test_iter: 5
test_interval: 1000
`

const [prototxt, folder] = process.argv.slice(2)
if (folder === undefined) {
  console.error('usage: node scripts/syntheticFolder.mjs TRAIN_VAL_PROTOTXT FOLDER')
  process.exit(1)
}
const addon = createRequire(import.meta.url)(path.join(projectRoot, 'native/build/olmp.node'))
fs.mkdirSync(folder, { recursive: true })
fs.writeFileSync(path.join(folder, 'train_val.prototxt'), smallNet(fs.readFileSync(prototxt, 'utf8')))
fs.writeFileSync(path.join(folder, 'solver.prototxt'), SOLVER)
await writeLmdb(path.join(folder, 'train_lmdb'), 600, 1)
await writeLmdb(path.join(folder, 'val_lmdb'), 100, 2)

/** Inputs near 1 and fillers that keep their size: it learns in tens of iterations. */
function smallNet(text) {
  return text
    .replaceAll(/mean_file: ".*"/g, 'mean_value: 128')
    .replaceAll('crop_size', 'scale: 0.015 crop_size')
    .replaceAll(/type: "(gaussian|xavier)"/g, 'type: "xavier"')
    .replaceAll('num_output: 1000', `num_output: ${CLASSES}`)
    .replaceAll(/source: ".*"/g, inTurn('source: "train_lmdb"', 'source: "val_lmdb"'))
    .replaceAll(/batch_size: \d+/g, inTurn('batch_size: 8', 'batch_size: 20'))
}

/** Of the training net, then of the test net. */
function inTurn(...texts) {
  return () => texts.shift()
}

async function writeLmdb(to, images, seed) {
  const random = uniform(seed)
  const writer = await addon.createLmdbWriter(to, 2 ** 30)
  for (let i = 0; i < images; i++) {
    const value = datum(picture(i % CLASSES, random), i % CLASSES)
    await writer.put([{ key: Buffer.from(String(i).padStart(8, '0')), value }])
  }
  await writer.close()
}

function picture(label, random) {
  const angle = (label / CLASSES) * Math.PI
  const pitch = 0.05 + 0.1 * (label % 3)
  const phase = 7 * random()
  return Uint8Array.from({ length: 3 * SIZE * SIZE }, (_, at) => {
    const [channel, y, x] = [Math.floor(at / SIZE / SIZE), Math.floor(at / SIZE) % SIZE, at % SIZE]
    const stripes = Math.sin(pitch * (x * Math.cos(angle) + y * Math.sin(angle)) + phase)
    const colour = Math.cos((2 * Math.PI * label) / CLASSES + 2.1 * channel)
    return 128 + 40 * stripes + 40 * colour + 60 * (random() - 0.5)
  })
}

/** caffe.proto's Datum: channels, height, width, data, label. */
function datum(pixels, label) {
  const varint = (value) => (value < 128 ? [value] : [(value & 127) | 128, ...varint(value >> 7)])
  const size = varint(SIZE)
  return Buffer.concat([
    Buffer.from([8, 3, 16, ...size, 24, ...size, 34, ...varint(pixels.length)]),
    pixels,
    Buffer.from([40, label]),
  ])
}

/** A linear congruential generator (Numerical Recipes), 0..1. */
function uniform(seed) {
  let state = seed >>> 0
  return () => (state = (state * 1664525 + 1013904223) >>> 0) / 2 ** 32
}
