// V0 -> V1: each `layers { layer { ... } bottom top }` of 2013, where one message held the parameters of every type.
// Follows UpgradeV0Net of Caffe's upgrade_proto.cpp, padding layers included.

import { AppError } from '../net/errors'
import type { NetMessage, TransformMessage, V0LayerMessage, V1LayerMessage } from './messages'
import { didYouMean } from './suggest'
import { childMessages, locate } from './textTree'

const v0TypeNames: Record<string, string> = {
  accuracy: 'ACCURACY',
  bnll: 'BNLL',
  concat: 'CONCAT',
  conv: 'CONVOLUTION',
  data: 'DATA',
  dropout: 'DROPOUT',
  euclidean_loss: 'EUCLIDEAN_LOSS',
  flatten: 'FLATTEN',
  hdf5_data: 'HDF5_DATA',
  hdf5_output: 'HDF5_OUTPUT',
  im2col: 'IM2COL',
  images: 'IMAGE_DATA',
  infogain_loss: 'INFOGAIN_LOSS',
  innerproduct: 'INNER_PRODUCT',
  lrn: 'LRN',
  multinomial_logistic_loss: 'MULTINOMIAL_LOGISTIC_LOSS',
  pool: 'POOLING',
  relu: 'RELU',
  sigmoid: 'SIGMOID',
  softmax: 'SOFTMAX',
  softmax_loss: 'SOFTMAX_LOSS',
  split: 'SPLIT',
  tanh: 'TANH',
  window_data: 'WINDOW_DATA',
}

/** V1 enum name of a V0 type; undefined where there is none. */
export function v1EnumName(v0Type: string): string | undefined {
  return Object.hasOwn(v0TypeNames, v0Type) ? v0TypeNames[v0Type] : undefined
}

function list<T>(value: T | undefined): T[] | undefined {
  return value === undefined ? undefined : [value]
}

function compact<T extends object>(value: T): T {
  return Object.fromEntries(Object.entries(value).filter(([, entry]) => entry !== undefined)) as T
}

/** The parameter message of one V0 type; what does not belong to the type is ignored, as in Caffe. */
function typeParameters(type: string, v0: V0LayerMessage): Partial<V1LayerMessage> {
  const { num_output, weight_filler, bias_filler, pad, kernelsize, stride, pool, source, batchsize } = v0
  const products = { num_output, bias_term: v0.biasterm, weight_filler, bias_filler }
  switch (type) {
    case 'conv':
    case 'im2col':
      return {
        convolution_param: compact({
          ...products,
          pad: list(pad),
          kernel_size: list(kernelsize),
          stride: list(stride),
          group: v0.group,
        }),
      }
    case 'innerproduct':
      return { inner_product_param: compact(products) }
    case 'pool':
      return { pooling_param: compact({ pad, kernel_size: kernelsize, stride, pool }) }
    case 'dropout':
      return { dropout_param: compact({ dropout_ratio: v0.dropout_ratio }) }
    case 'lrn':
      return { lrn_param: compact({ local_size: v0.local_size, alpha: v0.alpha, beta: v0.beta, k: v0.k }) }
    case 'data':
      return { data_param: compact({ source, batch_size: batchsize }) }
    case 'hdf5_data':
      return { hdf5_data_param: compact({ source, batch_size: batchsize }) }
    case 'images':
      return {
        image_data_param: compact({
          source,
          batch_size: batchsize,
          new_height: v0.new_height,
          new_width: v0.new_width,
        }),
      }
    case 'window_data':
      return { window_data_param: compact({ source, batch_size: batchsize }) }
    case 'infogain_loss':
      return { infogain_loss_param: compact({ source }) }
    case 'concat':
      return { concat_param: compact({ concat_dim: v0.concat_dim }) }
    case 'hdf5_output':
      return { hdf5_output_param: v0.hdf5_output_param }
    default:
      return {}
  }
}

function upgradeLayer(connection: V1LayerMessage): V1LayerMessage {
  const v0 = connection.layer ?? {}
  // the parameters' places are those of the layer within
  const text = childMessages(connection.text, 'layer')[0] ?? connection.text
  const type = v0.type ?? ''
  const v1Type = v1EnumName(type)
  if (v1Type === undefined) {
    throw new AppError('unknown-layer', `layer '${v0.name ?? ''}' has the unknown type '${type}'`, {
      ...locate(text, 'type'),
      hint: didYouMean(type, Object.keys(v0TypeNames)),
    })
  }
  const transform: TransformMessage = compact({
    scale: v0.scale,
    mean_file: v0.meanfile,
    crop_size: v0.cropsize,
    mirror: v0.mirror,
  })
  return compact({
    name: v0.name,
    type: v1Type,
    bottom: connection.bottom,
    top: connection.top,
    blobs_lr: v0.blobs_lr,
    weight_decay: v0.weight_decay,
    transform_param: Object.keys(transform).length > 0 ? transform : undefined,
    ...typeParameters(type, v0),
    text,
  })
}

/** A V0 padding layer becomes the `pad` of the convolution or pooling that reads it. */
function absorbPadding(layers: V1LayerMessage[]): V1LayerMessage[] {
  const producers = new Map<string, V1LayerMessage>()
  const result: V1LayerMessage[] = []
  for (const layer of layers) {
    let upgraded = layer
    const bottoms = layer.bottom ?? []
    for (const bottom of bottoms) {
      const padding = producers.get(bottom)
      if (padding?.layer?.type !== 'padding') continue
      const type = layer.layer?.type ?? ''
      const source = padding.bottom?.[0]
      if ((type !== 'conv' && type !== 'pool') || bottoms.length !== 1 || source === undefined) {
        const message = `the padding layer '${padding.layer.name ?? ''}' may only feed one conv or pool layer`
        throw new AppError('bad-input', message, { ...layer.text?.at })
      }
      upgraded = { ...layer, bottom: [source], layer: { ...layer.layer, pad: padding.layer.pad ?? 0 } }
    }
    if (layer.layer?.type !== 'padding') result.push(upgraded)
    for (const top of layer.top ?? []) producers.set(top, layer)
  }
  return result
}

/** The net's `layers`, V0 ones upgraded to V1; unchanged where none is V0. */
export function upgradeV0Layers(net: NetMessage): V1LayerMessage[] {
  const layers = net.layers ?? []
  if (!layers.some((layer) => layer.layer !== undefined)) return layers
  return absorbPadding(layers).map(upgradeLayer)
}
