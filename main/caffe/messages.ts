// Caffe's messages as read: only the fields that were written are present (Caffe's has_x()), enums by name, 64-bit
// integers as numbers. Mirrors the schemas in ./schema; what this program never reads is left out.

import type { Phase } from '../net/graph'
import type { TextMessage } from './textTree'

export interface BlobShapeMessage {
  dim?: number[]
}

export interface FillerMessage {
  type?: string
  value?: number
  min?: number
  max?: number
  mean?: number
  std?: number
  sparse?: number
  variance_norm?: 'FAN_IN' | 'FAN_OUT' | 'AVERAGE'
}

export interface StateRuleMessage {
  phase?: Phase
  min_level?: number
  max_level?: number
  stage?: string[]
  not_stage?: string[]
}

export interface ParamSpecMessage {
  name?: string
  share_mode?: 'STRICT' | 'PERMISSIVE'
  lr_mult?: number
  decay_mult?: number
}

export interface TransformMessage {
  scale?: number
  mirror?: boolean
  crop_size?: number
  mean_file?: string
  mean_value?: number[]
  force_color?: boolean
  force_gray?: boolean
}

export interface ConvolutionMessage {
  num_output?: number
  bias_term?: boolean
  pad?: number[]
  kernel_size?: number[]
  stride?: number[]
  dilation?: number[]
  pad_h?: number
  pad_w?: number
  kernel_h?: number
  kernel_w?: number
  stride_h?: number
  stride_w?: number
  group?: number
  weight_filler?: FillerMessage
  bias_filler?: FillerMessage
  axis?: number
}

export interface PoolingMessage {
  pool?: 'MAX' | 'AVE' | 'STOCHASTIC'
  pad?: number
  pad_h?: number
  pad_w?: number
  kernel_size?: number
  kernel_h?: number
  kernel_w?: number
  stride?: number
  stride_h?: number
  stride_w?: number
  global_pooling?: boolean
  round_mode?: 'CEIL' | 'FLOOR'
}

/** Preprocessing as it was written before TransformationParameter existed. */
export interface LegacyTransformFields {
  scale?: number
  mean_file?: string
  crop_size?: number
  mirror?: boolean
}

export interface DataMessage extends LegacyTransformFields {
  source?: string
  batch_size?: number
  backend?: 'LEVELDB' | 'LMDB'
  force_encoded_color?: boolean
}

export interface ImageDataMessage extends LegacyTransformFields {
  source?: string
  batch_size?: number
  new_height?: number
  new_width?: number
  is_color?: boolean
}

export interface WindowDataMessage extends LegacyTransformFields {
  source?: string
  batch_size?: number
}

/** Parameter messages that V1 and V2 layers share. */
export interface LayerParamMessages {
  transform_param?: TransformMessage
  loss_param?: {
    ignore_label?: number
    normalization?: 'FULL' | 'VALID' | 'BATCH_SIZE' | 'NONE'
    normalize?: boolean
  }
  accuracy_param?: { top_k?: number; axis?: number; ignore_label?: number }
  argmax_param?: { out_max_val?: boolean; top_k?: number; axis?: number }
  concat_param?: { axis?: number; concat_dim?: number }
  contrastive_loss_param?: { margin?: number; legacy_version?: boolean }
  convolution_param?: ConvolutionMessage
  data_param?: DataMessage
  dropout_param?: { dropout_ratio?: number }
  dummy_data_param?: {
    data_filler?: FillerMessage[]
    shape?: BlobShapeMessage[]
    num?: number[]
    channels?: number[]
    height?: number[]
    width?: number[]
  }
  eltwise_param?: { operation?: 'PROD' | 'SUM' | 'MAX'; coeff?: number[] }
  exp_param?: { base?: number; scale?: number; shift?: number }
  hdf5_data_param?: { source?: string; batch_size?: number; shuffle?: boolean }
  hdf5_output_param?: { file_name?: string }
  hinge_loss_param?: { norm?: 'L1' | 'L2' }
  image_data_param?: ImageDataMessage
  infogain_loss_param?: { source?: string; axis?: number }
  inner_product_param?: {
    num_output?: number
    bias_term?: boolean
    weight_filler?: FillerMessage
    bias_filler?: FillerMessage
    axis?: number
    transpose?: boolean
  }
  lrn_param?: {
    local_size?: number
    alpha?: number
    beta?: number
    norm_region?: 'ACROSS_CHANNELS' | 'WITHIN_CHANNEL'
    k?: number
  }
  memory_data_param?: { batch_size?: number; channels?: number; height?: number; width?: number }
  mvn_param?: { normalize_variance?: boolean; across_channels?: boolean; eps?: number }
  pooling_param?: PoolingMessage
  power_param?: { power?: number; scale?: number; shift?: number }
  relu_param?: { negative_slope?: number }
  softmax_param?: { axis?: number }
  slice_param?: { axis?: number; slice_point?: number[]; slice_dim?: number }
  threshold_param?: { threshold?: number }
  window_data_param?: WindowDataMessage
}

export interface LayerMessage extends LayerParamMessages {
  name?: string
  type?: string
  bottom?: string[]
  top?: string[]
  phase?: Phase
  loss_weight?: number[]
  param?: ParamSpecMessage[]
  propagate_down?: boolean[]
  include?: StateRuleMessage[]
  exclude?: StateRuleMessage[]
  prelu_param?: { filler?: FillerMessage; channel_shared?: boolean }
  spp_param?: { pyramid_height?: number; pool?: 'MAX' | 'AVE' | 'STOCHASTIC' }
  reshape_param?: { shape?: BlobShapeMessage; axis?: number; num_axes?: number }
  log_param?: { base?: number; scale?: number; shift?: number }
  flatten_param?: { axis?: number; end_axis?: number }
  reduction_param?: { operation?: 'SUM' | 'ASUM' | 'SUMSQ' | 'MEAN'; axis?: number; coeff?: number }
  embed_param?: {
    num_output?: number
    input_dim?: number
    bias_term?: boolean
    weight_filler?: FillerMessage
    bias_filler?: FillerMessage
  }
  tile_param?: { axis?: number; tiles?: number }
  batch_norm_param?: { use_global_stats?: boolean; moving_average_fraction?: number; eps?: number }
  elu_param?: { alpha?: number }
  bias_param?: { axis?: number; num_axes?: number; filler?: FillerMessage }
  scale_param?: {
    axis?: number
    num_axes?: number
    filler?: FillerMessage
    bias_term?: boolean
    bias_filler?: FillerMessage
  }
  input_param?: { shape?: BlobShapeMessage[] }
  crop_param?: { axis?: number; offset?: number[] }
  swish_param?: { beta?: number }
  clip_param?: { min?: number; max?: number }
  /** Where the layer was written; absent where it comes from a binary file. */
  text?: TextMessage
}

export interface V0LayerMessage extends LegacyTransformFields {
  name?: string
  type?: string
  num_output?: number
  biasterm?: boolean
  weight_filler?: FillerMessage
  bias_filler?: FillerMessage
  pad?: number
  kernelsize?: number
  group?: number
  stride?: number
  pool?: 'MAX' | 'AVE' | 'STOCHASTIC'
  dropout_ratio?: number
  local_size?: number
  alpha?: number
  beta?: number
  k?: number
  source?: string
  meanfile?: string
  batchsize?: number
  cropsize?: number
  blobs_lr?: number[]
  weight_decay?: number[]
  shuffle_images?: boolean
  new_height?: number
  new_width?: number
  concat_dim?: number
  hdf5_output_param?: { file_name?: string }
}

export interface V1LayerMessage extends LayerParamMessages {
  name?: string
  type?: string
  bottom?: string[]
  top?: string[]
  include?: StateRuleMessage[]
  exclude?: StateRuleMessage[]
  param?: string[]
  blob_share_mode?: ('STRICT' | 'PERMISSIVE')[]
  blobs_lr?: number[]
  weight_decay?: number[]
  loss_weight?: number[]
  layer?: V0LayerMessage
  text?: TextMessage
}

export interface NetStateMessage {
  phase?: Phase
  level?: number
  stage?: string[]
}

export interface NetMessage {
  name?: string
  input?: string[]
  input_shape?: BlobShapeMessage[]
  input_dim?: number[]
  force_backward?: boolean
  state?: NetStateMessage
  layer?: LayerMessage[]
  layers?: V1LayerMessage[]
  text?: TextMessage
}

export interface SolverMessage {
  net?: string
  net_param?: NetMessage
  train_net?: string
  test_net?: string[]
  train_net_param?: NetMessage
  test_net_param?: NetMessage[]
  train_state?: NetStateMessage
  test_state?: NetStateMessage[]
  test_iter?: number[]
  test_interval?: number
  base_lr?: number
  display?: number
  average_loss?: number
  max_iter?: number
  iter_size?: number
  lr_policy?: string
  gamma?: number
  power?: number
  momentum?: number
  weight_decay?: number
  regularization_type?: string
  stepsize?: number
  stepvalue?: number[]
  clip_gradients?: number
  snapshot?: number
  snapshot_prefix?: string
  random_seed?: number
  type?: string
  delta?: number
  momentum2?: number
  rms_decay?: number
  solver_type?: 'SGD' | 'NESTEROV' | 'ADAGRAD' | 'RMSPROP' | 'ADADELTA' | 'ADAM'
  weights?: string[]
  text?: TextMessage
}
