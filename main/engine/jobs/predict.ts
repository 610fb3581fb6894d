// Single images through exported models, by onnxruntime.

import { releaseWeights } from '../../caffe/caffemodel'
import { readClassNames } from '../../data/classNames'
import { AppError } from '../../net/errors'
import type { LayerOf, NetGraph, Transform } from '../../net/graph'
import { inputPixels, picture, preprocessed } from '../../onnx/images'
import { predict } from '../../onnx/predict'
import type { TryNet } from '../../onnx/tryTypes'
import { meanImage } from '../../runs/exportRun'
import { importModel } from '../../runs/openModel'
import type { ImportedModel } from '../../caffe/model'
import type { JobsOf } from './job'

const thumbnailPixels = 64

const untouched: Transform = {
  scale: 1,
  mirror: false,
  crop_size: 0,
  mean_file: '',
  mean_value: [],
  force_color: false,
  force_gray: false,
}

export const predictJobs: JobsOf<'tryNet' | 'testImage' | 'thumbnails' | 'predict'> = {
  async tryNet({ addon, folders }, { source }) {
    const model = await importModel(source, { addon, cacheFolder: folders.cache })
    try {
      return await describeNet(model)
    } finally {
      if (model.weights !== null) releaseWeights(model.weights)
    }
  },

  async testImage({ addon }, { net, index }) {
    const { folder, entries } = requireDataset(net)
    if (index >= entries) {
      throw new AppError('no-such-image', `The test set has ${entries} images.`, {
        hint: `Choose an index from 0 to ${entries - 1}.`,
      })
    }
    const [datum] = await addon.readDatums(folder, index, 1)
    return { index, label: datum.label, pixels: inputPixels(datum, net.inputShape) }
  },

  async thumbnails({ addon }, { net, indices }) {
    const { folder } = requireDataset(net)
    return Promise.all(
      indices.map(async (index) => {
        const [datum] = await addon.readDatums(folder, index, 1)
        return { index, ...picture(datum, thumbnailPixels) }
      }),
    )
  },

  async predict({ models }, { net, pixels, original, pruned }) {
    const { input, inputShape, transform } = net
    const mean = transform.mean_file === '' ? undefined : await meanImage(transform.mean_file)
    const ask = async (file: string) => predict(await models.get(file), input, inputShape, pixels)
    return {
      seen: preprocessed(pixels, inputShape, { transform, meanImage: mean }),
      original: await ask(original),
      pruned: pruned === null ? null : await ask(pruned),
    }
  },
}

/** Throws AppError 'no-deploy-net', 'not-an-image-net'. */
async function describeNet(model: ImportedModel): Promise<TryNet> {
  if (model.deploy === null) {
    throw new AppError('no-deploy-net', 'no deploy form of the net could be made', { file: model.folder })
  }
  const input = imageInput(model.deploy)
  const data = model.data.find(({ phase }) => phase === 'TEST')
  const layer = dataLayer(model.test)
  return {
    ...input,
    transform: layer?.params.transform ?? untouched,
    classes: await readClassNames(model.folder, classCount(model.deploy)),
    dataset:
      layer === undefined || !data?.resolved || data.info === null
        ? null
        : { folder: data.resolved, entries: data.info.entries, shape: data.info.shape },
  }
}

function imageInput(deploy: NetGraph): Pick<TryNet, 'input' | 'inputShape'> {
  const inputs = deploy.layers
    .filter(({ type }) => type === 'Input')
    .flatMap(({ tops, top_shapes }) => tops.map((input, i) => ({ input, shape: top_shapes[i] })))
  const [first] = inputs
  if (inputs.length === 1 && first.shape.length === 4) {
    const [, channels, height, width] = first.shape
    return { input: first.input, inputShape: [channels, height, width] }
  }
  const shapes = inputs.map(({ input, shape }) => `${input} (${shape.join(', ')})`).join('; ')
  throw new AppError('not-an-image-net', `The net does not take one image: its inputs are ${shapes}.`, {
    hint: 'Nets with one image as their input can be tried here.',
  })
}

function dataLayer(graph: NetGraph | null): LayerOf<'Data'> | undefined {
  return graph?.layers.find((layer): layer is LayerOf<'Data'> => layer.type === 'Data')
}

function classCount(deploy: NetGraph): number {
  return deploy.layers.at(-1)?.top_shapes[0]?.[1] ?? 0
}

function requireDataset({ dataset }: TryNet): NonNullable<TryNet['dataset']> {
  if (dataset !== null) return dataset
  throw new AppError('no-dataset', 'The project has no test data.', { hint: 'Say where the data is.' })
}
