// What stands in the way of a compression is named by what the user can do about it.

import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'

import { importFolder } from '../../../main/caffe/folder'
import { modelReport } from '../../../main/projects/modelReport'
import { temporaryFolder } from '../caffe/fixtures'

const root = temporaryFolder()

const LAYERS = `
layer { name: "ip" type: "InnerProduct" bottom: "data" top: "ip" inner_product_param { num_output: 10 } }
`
const TRAINED = `layer {
  name: "data" type: "Data" top: "data" top: "label"
  data_param { source: "gone" batch_size: 8 backend: LMDB }
}
${LAYERS}
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "ip" bottom: "label" top: "loss" }
`
const DEPLOYED = `
layer { name: "data" type: "Input" top: "data" input_param { shape: { dim: 1 dim: 1 dim: 4 dim: 4 } } }
${LAYERS}
layer { name: "prob" type: "Softmax" bottom: "ip" top: "prob" }
`

async function obstacle(file: string, net: string): Promise<string | null> {
  const folder = join(root, file)
  mkdirSync(folder)
  writeFileSync(join(folder, file), net)
  return (await modelReport({ folder }, await importFolder({ folder }))).obstacleCode
}

describe('what stands in the way', () => {
  it('is the data where the shapes of the net hang on it', async () => {
    expect(await obstacle('train_val.prototxt', TRAINED)).toBe('no-dataset')
  })

  it('is the net where there is only one to deploy', async () => {
    expect(await obstacle('deploy.prototxt', DEPLOYED)).toBe('no-train-net')
  })
})
