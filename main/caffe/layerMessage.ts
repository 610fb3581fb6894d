// A layer of the graph as Caffe's LayerParameter: the way back from main/net to caffe.proto. What only training or this
// machine needs (fillers, data sources, losses' settings) is left out.

import type { Layer, LayerOf, LayerType, Parameter } from '../net/graph'

export interface LayerParameterMessage {
  name: string
  type: string
  bottom: string[]
  top: string[]
  param: { name?: string; lr_mult: number; decay_mult: number }[]
  [paramField: string]: unknown
}

/** Layers whose parameters in the graph are field by field those of caffe.proto. */
const SAME_FIELDS: Partial<Record<LayerType, string>> = {
  InnerProduct: 'inner_product_param',
  Embed: 'embed_param',
  BatchNorm: 'batch_norm_param',
  Scale: 'scale_param',
  Bias: 'bias_param',
  PReLU: 'prelu_param',
  LRN: 'lrn_param',
  SPP: 'spp_param',
  Crop: 'crop_param',
  ReLU: 'relu_param',
  ELU: 'elu_param',
  Power: 'power_param',
  Exp: 'exp_param',
  Log: 'log_param',
  Swish: 'swish_param',
  Clip: 'clip_param',
  Threshold: 'threshold_param',
  Dropout: 'dropout_param',
  Concat: 'concat_param',
  Slice: 'slice_param',
  Eltwise: 'eltwise_param',
  Flatten: 'flatten_param',
  Reduction: 'reduction_param',
  Tile: 'tile_param',
  MVN: 'mvn_param',
  Softmax: 'softmax_param',
  ArgMax: 'argmax_param',
  Accuracy: 'accuracy_param',
}

/** @param type the type name to write: CConvolution and CInnerProduct are types of their own in the forks. */
export function layerMessage(layer: Layer, type: string): LayerParameterMessage {
  return {
    name: layer.name,
    type,
    bottom: layer.bottoms,
    top: layer.tops,
    param: layer.parameters.map(paramSpec),
    ...layerParams(layer),
  }
}

function paramSpec({ name, lr_mult, decay_mult }: Parameter): LayerParameterMessage['param'][number] {
  return name === '' ? { lr_mult, decay_mult } : { name, lr_mult, decay_mult }
}

function layerParams(layer: Layer): Record<string, unknown> {
  switch (layer.type) {
    case 'Convolution':
    case 'Deconvolution':
    case 'Im2col':
      return { convolution_param: convolutionParam(layer) }
    case 'Pooling':
      return { pooling_param: poolingParam(layer) }
    case 'Reshape':
      return { reshape_param: { shape: { dim: [0, ...layer.top_shapes[0].slice(1)] } } }
    case 'Input':
      return { input_param: { shape: layer.top_shapes.map((dim) => ({ dim })) } }
    default: {
      const field = SAME_FIELDS[layer.type]
      if (field === undefined) return {}
      // null: not set
      return {
        [field]: Object.fromEntries(Object.entries(layer.params).filter(([, value]) => value !== null)),
      }
    }
  }
}

function convolutionParam({
  params,
}: LayerOf<'Convolution' | 'Deconvolution' | 'Im2col'>): Record<string, unknown> {
  const { kernel_size, stride, pad, dilation, ...rest } = params
  return {
    ...rest,
    ...spatial(kernel_size, 'kernel_size', 'kernel_h', 'kernel_w'),
    ...spatial(stride, 'stride', 'stride_h', 'stride_w'),
    ...(pad.every((value) => value === 0) ? {} : spatial(pad, 'pad', 'pad_h', 'pad_w')),
    // not known to Caffe before 2016
    ...(dilation.every((value) => value === 1) ? {} : { dilation }),
  }
}

/** Caffe before 2015 knows one number, or one for the height and one for the width. */
function spatial(values: number[], field: string, height: string, width: string): Record<string, unknown> {
  if (values.every((value) => value === values[0])) return { [field]: values.slice(0, 1) }
  return values.length === 2 ? { [height]: values[0], [width]: values[1] } : { [field]: values }
}

function poolingParam({ params }: LayerOf<'Pooling'>): Record<string, unknown> {
  const { pool, kernel_size, stride, pad, global_pooling, round_mode } = params
  const rounding = round_mode === 'FLOOR' ? { round_mode } : {}
  // Caffe refuses a kernel size beside global_pooling
  if (global_pooling) return { pool, global_pooling, ...rounding }
  return {
    pool,
    kernel_h: kernel_size[0],
    kernel_w: kernel_size[1],
    stride_h: stride[0],
    stride_w: stride[1],
    pad_h: pad[0],
    pad_w: pad[1],
    ...rounding,
  }
}
