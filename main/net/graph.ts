// The net as a typed graph: what main/caffe makes of a prototxt, what the engine runs, what main/onnx exports.
// One graph is one phase of a net, with every default resolved and every shape computed, so that no reader of it
// needs to know Caffe. It is plain JSON: the engine receives it as JSON.stringify(graph).
//
// Parameter names keep Caffe's spelling (caffe.proto). Spatial parameters are always arrays, one entry per spatial
// axis, in the blob's order ([h, w] for 2-D).

export type Phase = 'TRAIN' | 'TEST'

/** A blob's shape, outermost axis first, e.g. (N, C, H, W). [] is a scalar. */
export type Shape = number[]

/** Where a thing was written, for error messages. Lines and columns count from 1. */
export interface SourceLocation {
  file: string
  line: number
  column: number
}

/** Caffe's FillerParameter (caffe.proto), defaults resolved. */
export interface Filler {
  type: 'constant' | 'gaussian' | 'msra' | 'positive_unitball' | 'uniform' | 'xavier' | 'bilinear'
  value: number
  min: number
  max: number
  mean: number
  std: number
  /** -1: not sparse */
  sparse: number
  variance_norm: 'FAN_IN' | 'FAN_OUT' | 'AVERAGE'
}

/** One learnable (or running-statistics) blob of a layer, in Caffe's blob order. */
export interface Parameter {
  /** Caffe's `param { name }`: layers naming the same parameter share it. '' if not shared. */
  name: string
  shape: Shape
  lr_mult: number
  decay_mult: number
  filler: Filler
}

/** Preprocessing of a data layer (Caffe's TransformationParameter). */
export interface Transform {
  scale: number
  mirror: boolean
  /** 0: no crop */
  crop_size: number
  /** Absolute path of a BlobProto mean image, or '' */
  mean_file: string
  mean_value: number[]
  force_color: boolean
  force_gray: boolean
}

export interface ConvolutionParams {
  num_output: number
  bias_term: boolean
  kernel_size: number[]
  stride: number[]
  pad: number[]
  dilation: number[]
  group: number
  axis: number
}

/** What each layer type carries. Keys are Caffe's own layer type names; a CConvolution is a Convolution and a
 *  CInnerProduct an InnerProduct here, because every convolution and inner product can be masked. */
export interface LayerParams {
  // --- sources
  Data: {
    /** Absolute path of an LMDB folder the engine can open; '' while the data has not been located. */
    source: string
    batch_size: number
    /** (C, H, W) of a stored datum, before cropping. */
    datum_shape: [number, number, number]
    transform: Transform
    /** Absent: all of it, in the order of its keys, as Caffe reads it. */
    sampling?: Sampling
  }
  Input: Record<string, never>
  DummyData: { fillers: Filler[] }
  // --- learnable
  Convolution: ConvolutionParams
  Deconvolution: ConvolutionParams
  InnerProduct: { num_output: number; bias_term: boolean; axis: number; transpose: boolean }
  Embed: { num_output: number; input_dim: number; bias_term: boolean }
  BatchNorm: { use_global_stats: boolean; moving_average_fraction: number; eps: number }
  /** One bottom: the factor is parameter 0. Two bottoms: bottom 1 is the factor. bias_term adds a bias parameter. */
  Scale: { axis: number; num_axes: number; bias_term: boolean }
  Bias: { axis: number; num_axes: number }
  PReLU: { channel_shared: boolean }
  // --- vision
  Pooling: {
    pool: 'MAX' | 'AVE' | 'STOCHASTIC'
    kernel_size: [number, number]
    stride: [number, number]
    pad: [number, number]
    global_pooling: boolean
    round_mode: 'CEIL' | 'FLOOR'
  }
  LRN: {
    local_size: number
    alpha: number
    beta: number
    k: number
    norm_region: 'ACROSS_CHANNELS' | 'WITHIN_CHANNEL'
  }
  Im2col: { kernel_size: number[]; stride: number[]; pad: number[]; dilation: number[]; axis: number }
  SPP: { pyramid_height: number; pool: 'MAX' | 'AVE' | 'STOCHASTIC' }
  Crop: { axis: number; /** one offset per cropped axis, i.e. per axis from `axis` on */ offset: number[] }
  // --- neuron
  ReLU: { negative_slope: number }
  ELU: { alpha: number }
  Sigmoid: Record<string, never>
  TanH: Record<string, never>
  AbsVal: Record<string, never>
  BNLL: Record<string, never>
  Power: { power: number; scale: number; shift: number }
  /** base -1 means e */
  Exp: { base: number; scale: number; shift: number }
  Log: { base: number; scale: number; shift: number }
  Swish: { beta: number }
  Clip: { min: number; max: number }
  Threshold: { threshold: number }
  Dropout: { dropout_ratio: number }
  // --- shape and combination
  Concat: { axis: number }
  Slice: { axis: number; /** resolved: one less than the number of tops */ slice_point: number[] }
  Eltwise: { operation: 'PROD' | 'SUM' | 'MAX'; coeff: number[] }
  Split: Record<string, never>
  Flatten: { axis: number; end_axis: number }
  Reshape: Record<string, never>
  Reduction: { operation: 'SUM' | 'ASUM' | 'SUMSQ' | 'MEAN'; axis: number; coeff: number }
  Tile: { axis: number; tiles: number }
  MVN: { normalize_variance: boolean; across_channels: boolean; eps: number }
  Silence: Record<string, never>
  // --- output
  Softmax: { axis: number }
  ArgMax: {
    out_max_val: boolean
    top_k: number
    /** null: over the whole flattened item */ axis: number | null
  }
  Accuracy: { top_k: number; axis: number; ignore_label: number | null }
  // --- losses. normalization as in LossParameter; ignore_label null where not set.
  SoftmaxWithLoss: LossParams & { axis: number }
  SigmoidCrossEntropyLoss: LossParams
  InfogainLoss: LossParams & {
    axis: number
    /** Absolute path of the BlobProto, '' if H is bottom 2. */
    source: string
    /** BVLC takes logits; forks older than 2017 take probabilities (assumed where bottom 0 comes from a Softmax layer). */
    input: 'LOGITS' | 'PROBABILITIES'
  }
  EuclideanLoss: Record<string, never>
  HingeLoss: { norm: 'L1' | 'L2' }
  ContrastiveLoss: { margin: number; legacy_version: boolean }
  MultinomialLogisticLoss: Record<string, never>
}

export interface LossParams {
  normalization: 'FULL' | 'VALID' | 'BATCH_SIZE' | 'NONE'
  ignore_label: number | null
}

export type LayerType = keyof LayerParams

export type Layer = { [T in LayerType]: LayerOf<T> }[LayerType]

export interface LayerOf<T extends LayerType> {
  name: string
  type: T
  params: LayerParams[T]
  bottoms: string[]
  tops: string[]
  /** Shapes of `tops`, same order, batch axis included. */
  top_shapes: Shape[]
  parameters: Parameter[]
  /** One per top; only losses have a non-zero default (1 for the first top). */
  loss_weights: number[]
  /** Caffe's `propagate_down`: one per bottom, or empty. */
  propagate_down: boolean[]
  /** Convolution and InnerProduct: the source declared CConvolution / CInnerProduct (masks as blobs 2 and 3). */
  declared_masked?: boolean
  at?: SourceLocation
}

/** How a Data layer reads a part of its dataset. */
export interface Sampling {
  /** Items set aside for validation, by the engine's own draw (native/data/held_out.h): the same in every run. */
  held: number
  /** Those, or all others. */
  part: 'held' | 'rest'
  /** A new permutation in every epoch, from `seed` and the epoch's number. */
  shuffle: boolean
  augmentation: Augmentation | null
  seed: number
}

/** Copies of each image, made once: `cleanShare` (0..1) of them as it is, the others shifted by up to `shift` pixels,
 *  turned by up to `rotate` degrees and scaled by up to the share `scale`, bilinearly. */
export interface Augmentation {
  copies: number
  cleanShare: number
  shift: number
  rotate: number
  scale: number
}

/** One phase of a net. Layers are in execution order; a blob is written before it is read; in-place layers have
 *  bottoms[0] === tops[0]. Inputs declared outside layers (`input:` / `input_dim:`) appear as Input layers.
 *  Split layers are not inserted: several layers may read one blob, and the engine sums their gradients. */
export interface NetGraph {
  name: string
  phase: Phase
  force_backward: boolean
  layers: Layer[]
}

/** Caffe's SolverParameter, upgraded (SolverParameter_SolverType -> type) and with defaults resolved. */
export interface SolverSpec {
  type: 'SGD' | 'Nesterov' | 'AdaGrad' | 'RMSProp' | 'AdaDelta' | 'Adam'
  base_lr: number
  lr_policy: 'fixed' | 'step' | 'exp' | 'inv' | 'multistep' | 'poly' | 'sigmoid'
  gamma: number
  power: number
  stepsize: number
  stepvalue: number[]
  max_iter: number
  momentum: number
  momentum2: number
  rms_decay: number
  delta: number
  weight_decay: number
  regularization_type: 'L1' | 'L2'
  clip_gradients: number
  iter_size: number
  test_iter: number
  test_interval: number
  display: number
  average_loss: number
  /** -1: not set */
  random_seed: number
}

/** Number of elements of a shape; a scalar has one. */
export function count(shape: Shape): number {
  return shape.reduce((product, dim) => product * dim, 1)
}

/** Layers OLMP can prune: those whose weights and biases carry masks. */
export function isPrunable(layer: Layer): layer is LayerOf<'Convolution'> | LayerOf<'InnerProduct'> {
  return layer.type === 'Convolution' || layer.type === 'InnerProduct'
}
