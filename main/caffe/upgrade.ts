// Brings a net of any age to today's form: layers of layers (V0) -> `layers` with enum types (V1) -> `layer` with string
// types (V2), `input:` fields -> Input layers, BatchNorm's three parameter specs dropped.
// Follows Caffe's src/caffe/util/upgrade_proto.cpp.

import { AppError } from '../net/errors'
import { didYouMean } from './suggest'
import type {
  LayerMessage,
  LayerParamMessages,
  NetMessage,
  ParamSpecMessage,
  V1LayerMessage,
} from './messages'
import { locate } from './textTree'
import { upgradeV0Layers } from './upgradeV0'

/** V1 enum name -> V2 type name. */
const v1TypeNames: Record<string, string> = {
  ABSVAL: 'AbsVal',
  ACCURACY: 'Accuracy',
  ARGMAX: 'ArgMax',
  BNLL: 'BNLL',
  CONCAT: 'Concat',
  CONTRASTIVE_LOSS: 'ContrastiveLoss',
  CONVOLUTION: 'Convolution',
  DATA: 'Data',
  DECONVOLUTION: 'Deconvolution',
  DROPOUT: 'Dropout',
  DUMMY_DATA: 'DummyData',
  EUCLIDEAN_LOSS: 'EuclideanLoss',
  ELTWISE: 'Eltwise',
  EXP: 'Exp',
  FLATTEN: 'Flatten',
  HDF5_DATA: 'HDF5Data',
  HDF5_OUTPUT: 'HDF5Output',
  HINGE_LOSS: 'HingeLoss',
  IM2COL: 'Im2col',
  IMAGE_DATA: 'ImageData',
  INFOGAIN_LOSS: 'InfogainLoss',
  INNER_PRODUCT: 'InnerProduct',
  LRN: 'LRN',
  MEMORY_DATA: 'MemoryData',
  MULTINOMIAL_LOGISTIC_LOSS: 'MultinomialLogisticLoss',
  MVN: 'MVN',
  POOLING: 'Pooling',
  POWER: 'Power',
  RELU: 'ReLU',
  SIGMOID: 'Sigmoid',
  SIGMOID_CROSS_ENTROPY_LOSS: 'SigmoidCrossEntropyLoss',
  SILENCE: 'Silence',
  SLICE: 'Slice',
  SOFTMAX: 'Softmax',
  SOFTMAX_LOSS: 'SoftmaxWithLoss',
  SPLIT: 'Split',
  TANH: 'TanH',
  THRESHOLD: 'Threshold',
  WINDOW_DATA: 'WindowData',
}

/** V2 name of a V1 layer type (enum name or number as decoded), or undefined. */
export function v2TypeName(v1Type: string): string | undefined {
  return Object.hasOwn(v1TypeNames, v1Type) ? v1TypeNames[v1Type] : undefined
}

/** Moves scale, mean_file, crop_size and mirror of a data layer into its transform_param. */
function moveTransform<T extends LayerParamMessages>(layer: T): T {
  const result = { ...layer }
  for (const key of ['data_param', 'image_data_param', 'window_data_param'] as const) {
    const data = layer[key]
    if (data === undefined) continue
    const { scale, mean_file, crop_size, mirror, ...rest } = data
    const written = { scale, mean_file, crop_size, mirror }
    const moved = Object.fromEntries(Object.entries(written).filter(([, value]) => value !== undefined))
    if (Object.keys(moved).length === 0) continue
    result[key] = rest
    result.transform_param = { ...result.transform_param, ...moved }
  }
  return result
}

function upgradeV1Layer(v1: V1LayerMessage, index: number): LayerMessage {
  const { param, blob_share_mode, blobs_lr, weight_decay, type, layer: _nested, ...rest } = moveTransform(v1)
  const name = rest.name ?? ''
  const typeName = type === undefined ? undefined : v2TypeName(type)
  if (typeName === undefined) {
    const place = locate(v1.text, 'type')
    const written = type === undefined ? 'no type' : `type ${type}, which no layer has`
    const title = name === '' ? `layer ${index + 1}` : `layer '${name}'`
    throw new AppError('unknown-layer', `${title} has ${written}`, {
      ...place,
      hint: type === undefined ? undefined : didYouMean(type, Object.keys(v1TypeNames)),
    })
  }
  const specs: ParamSpecMessage[] = []
  const spec = (i: number): ParamSpecMessage => (specs[i] ??= {})
  // specs are filled from the front, so that none is missing in between
  param?.forEach((value, i) => (spec(i).name = value))
  blob_share_mode?.forEach((value, i) => (spec(i).share_mode = value))
  blobs_lr?.forEach((value, i) => (spec(i).lr_mult = value))
  weight_decay?.forEach((value, i) => (spec(i).decay_mult = value))
  return { ...rest, type: typeName, ...(specs.length > 0 ? { param: specs } : {}) }
}

/** `input:` with `input_shape` or `input_dim` becomes one Input layer per blob, in front of the others. */
function inputLayers(net: NetMessage): LayerMessage[] {
  const inputs = net.input ?? []
  const dims = net.input_dim ?? []
  const shapes = net.input_shape ?? []
  if (inputs.length === 0) {
    if (dims.length > 0 || shapes.length > 0) {
      const key = dims.length > 0 ? 'input_dim' : 'input_shape'
      throw new AppError('bad-input', `'${key}' is given, but there is no 'input' it belongs to`, {
        ...locate(net.text, key),
      })
    }
    return []
  }
  if (shapes.length > 0 && dims.length > 0) {
    const message = `the inputs' shapes are given twice, by 'input_shape' and by 'input_dim'`
    throw new AppError('bad-input', message, { ...locate(net.text, 'input_dim') })
  }
  const fits =
    dims.length > 0 ? dims.length === 4 * inputs.length : [0, inputs.length].includes(shapes.length)
  if (!fits) {
    const given = dims.length > 0 ? `${dims.length} 'input_dim'` : `${shapes.length} 'input_shape'`
    const needed = dims.length > 0 ? `4 for each 'input' (${4 * inputs.length})` : `one for each 'input'`
    throw new AppError('bad-input', `${given} for ${inputs.length} 'input': there must be ${needed}`, {
      ...locate(net.text, dims.length > 0 ? 'input_dim' : 'input_shape'),
    })
  }
  const places = net.text?.fields.filter((field) => field.name === 'input')
  return inputs.map((name, i) => {
    const shape = dims.length > 0 ? { dim: dims.slice(4 * i, 4 * i + 4) } : shapes[i]
    const place = places?.[i]?.at
    return {
      name,
      type: 'Input',
      top: [name],
      ...(shape === undefined ? {} : { input_param: { shape: [shape] } }),
      ...(place === undefined ? {} : { text: { fields: [], at: place } }),
    }
  })
}

/** The net in today's form; the message given is left as it is. Throws AppError where Caffe would stop. */
export function upgradeNet(net: NetMessage): NetMessage {
  const v1 = upgradeV0Layers(net)
  if (v1.length > 0 && (net.layer?.length ?? 0) > 0) {
    const message = `this net mixes 'layer' and the older 'layers'; Caffe would ignore every 'layer'`
    throw new AppError('mixed-layer-formats', message, {
      ...net.layer?.[0].text?.at,
      hint: 'write all of them as layer { ... }',
    })
  }
  const layers =
    v1.length > 0 ? v1.map(upgradeV1Layer) : (net.layer ?? []).map((layer) => moveTransform(layer))
  const { input: _input, input_dim: _dim, input_shape: _shape, layers: _layers, ...rest } = net
  return {
    ...rest,
    layer: [
      ...inputLayers(net),
      ...layers.map((layer) => {
        // UpgradeNetBatchNorm: the statistics are no longer learnable parameters with rates of their own
        if (layer.type !== 'BatchNorm' || layer.param?.length !== 3) return layer
        const { param: _param, ...others } = layer
        return others
      }),
    ],
  }
}
