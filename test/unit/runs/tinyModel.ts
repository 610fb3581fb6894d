// A small Caffe folder over MNIST, its net trained for a moment: what runs are tried with.

import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { writeCaffemodel } from '../../../main/caffe/writeCaffemodel'
import { addonCandidates, loadAddon } from '../../../main/engine/addon'
import type { EngineAddon, Session } from '../../../main/engine/binding'
import type { CycleGoal, CycleSettings } from '../../../main/olmp/cycleSettings'
import { experimentSettings } from '../../../main/olmp/presets'
import type { OlmpSettings } from '../../../main/olmp/settings'
import { openModel } from '../../../main/runs/openModel'
import type { RunRequest } from '../../../main/runs/types'
import { mnistLmdb } from '../../helpers/mnist'

/** The addon, or null with a note where it is not built. */
export function engineOrSkip(): EngineAddon | null {
  if (addonCandidates().some((file) => existsSync(file))) return loadAddon()
  console.warn('SKIPPED: the engine is not built')
  return null
}

const dataLayer = (phase: string, source: string, batch: number): string => `
layer { name: "mnist" type: "Data" top: "data" top: "label" include { phase: ${phase} }
  transform_param { scale: 0.00390625 }
  data_param { source: "${source}" batch_size: ${batch} backend: LMDB } }`

const innerProduct = (name: string, bottom: string, outputs: number): string => `
layer { name: "${name}" type: "InnerProduct" bottom: "${bottom}" top: "${name}"
  param { lr_mult: 1 } param { lr_mult: 2 }
  inner_product_param { num_output: ${outputs} weight_filler { type: "xavier" } } }`

export interface TinyOptions {
  testBatch?: number
  /** A Dropout layer, which draws from the engine's generator. */
  dropout?: boolean
  /** Leave the Accuracy layer to the TEST phase. */
  accuracyInTestOnly?: boolean
}

/** Writes train_test.prototxt, solver.prototxt and tiny.caffemodel into the folder. */
export async function makeTinyModel(
  addon: EngineAddon,
  folder: string,
  options: TinyOptions = {},
): Promise<void> {
  mkdirSync(folder, { recursive: true })
  const [train, test] = [await mnistLmdb(addon, 'train'), await mnistLmdb(addon, 'test')]
  const include = options.accuracyInTestOnly === true ? 'include { phase: TEST }' : ''
  const dropout =
    options.dropout === true ? '\nlayer { name: "drop" type: "Dropout" bottom: "ip1" top: "ip1" }' : ''
  const net = `name: "Tiny"${dataLayer('TRAIN', train, 64)}${dataLayer('TEST', test, options.testBatch ?? 100)}
layer { name: "pool" type: "Pooling" bottom: "data" top: "pool" pooling_param { pool: AVE kernel_size: 4 stride: 4 } }
${innerProduct('ip1', 'pool', 24)}
layer { name: "relu" type: "ReLU" bottom: "ip1" top: "ip1" }${dropout}
${innerProduct('ip2', 'ip1', 10)}
layer { name: "accuracy" type: "Accuracy" bottom: "ip2" bottom: "label" top: "accuracy" ${include} }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "ip2" bottom: "label" top: "loss" }
`
  writeFileSync(join(folder, 'train_test.prototxt'), net)
  const solver =
    'base_lr: 0.05 lr_policy: "fixed" momentum: 0.9 weight_decay: 0.0005 display: 0 max_iter: 1000'
  writeFileSync(join(folder, 'solver.prototxt'), `net: "train_test.prototxt" ${solver}\n`)
  const needs = { train: true, test: true, weights: false, accuracy: false }
  const opened = await openModel(
    { folder },
    { addon, cacheFolder: folder, threads: 1, seed: 7, device: 'cpu', rateEncoding: 'exact', needs },
  )
  const { session } = opened
  await session.train(400)
  if (opened.train === null) throw new Error('unreachable')
  const source = {
    value: (layer: string, slot: number) => blobOf(session, layer, slot),
    mask: async () => undefined,
  }
  await writeCaffemodel(opened.train, source, join(folder, 'tiny.caffemodel'), 'plain')
  await opened.close()
}

function blobOf(session: Session, layer: string, slot: number): Promise<Float32Array> {
  const index = session.parameters.findIndex((info) => info.layer === layer && info.slot === slot)
  return session.getParameter(index, 'value')
}

export function tinySettings(
  mode: OlmpSettings['searchMode'],
  change: Partial<OlmpSettings> = {},
): OlmpSettings {
  return {
    ...experimentSettings('lenet-300-100', mode),
    iterations: 240,
    pruneStop: 160,
    pruneInterval: 40,
    evaluations: 100,
    testInterval: 80,
    displayInterval: 20,
    stepSizes: [{ fromIteration: 0, value: 1 }],
    ...change,
  }
}

export function tinyRequest(
  folder: string,
  settings: OlmpSettings,
  change: Partial<RunRequest> = {},
): RunRequest {
  return {
    source: { folder },
    settings,
    device: 'cpu',
    threads: 1,
    checkpointIntervalIterations: 30,
    keepCheckpoints: 3,
    ...change,
  }
}

export const tinyCycles = (goal: CycleGoal, change: Partial<CycleSettings> = {}): CycleSettings => ({
  method: 'cycles',
  effort: 'quick',
  goal,
  score: 'fisher',
  learningRate: 0.05,
  weightDecay: 1e-4,
  warmup: 5,
  stages: [{ above: 0, removed: 0.4, iterations: 60 }],
  denseLearningRate: null,
  growth: {
    below: 0.7,
    share: 0.2,
    lastShare: 0.1,
    perOutput: 2,
    batches: 4,
    iterations: 20,
    rounds: 2,
    retraining: 30,
  },
  fisherBatches: 10,
  damping: 1e-3,
  search: { evaluations: 20, population: 4, stepSize: 0.3, bound: 4, sampleBatches: 4 },
  fineTune: { iterations: 100, learningRate: 0.05, weightDecay: 5e-4 },
  augmentation: { copies: 2, cleanShare: 0.25, shift: 1, rotate: 8, scale: 0.08 },
  distillation: { weight: 0.5, temperature: 2 },
  seed: 5,
  ...change,
})
