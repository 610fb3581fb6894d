// What a layer is for, by its type: how the graph colours it. The type itself always stands beside the colour.

import type { LayerType } from '../../../preload/contract'

export type LayerKind =
  'data' | 'convolution' | 'innerProduct' | 'pooling' | 'activation' | 'normalization' | 'shape' | 'output'

const kinds: Record<LayerType, LayerKind> = {
  Data: 'data',
  Input: 'data',
  DummyData: 'data',
  Convolution: 'convolution',
  Deconvolution: 'convolution',
  InnerProduct: 'innerProduct',
  Embed: 'innerProduct',
  BatchNorm: 'normalization',
  Scale: 'normalization',
  Bias: 'normalization',
  LRN: 'normalization',
  MVN: 'normalization',
  Pooling: 'pooling',
  SPP: 'pooling',
  PReLU: 'activation',
  ReLU: 'activation',
  ELU: 'activation',
  Sigmoid: 'activation',
  TanH: 'activation',
  AbsVal: 'activation',
  BNLL: 'activation',
  Power: 'activation',
  Exp: 'activation',
  Log: 'activation',
  Swish: 'activation',
  Clip: 'activation',
  Threshold: 'activation',
  Dropout: 'activation',
  Im2col: 'shape',
  Crop: 'shape',
  Concat: 'shape',
  Slice: 'shape',
  Eltwise: 'shape',
  Split: 'shape',
  Flatten: 'shape',
  Reshape: 'shape',
  Reduction: 'shape',
  Tile: 'shape',
  Silence: 'shape',
  Softmax: 'output',
  ArgMax: 'output',
  Accuracy: 'output',
  SoftmaxWithLoss: 'output',
  SigmoidCrossEntropyLoss: 'output',
  InfogainLoss: 'output',
  EuclideanLoss: 'output',
  HingeLoss: 'output',
  ContrastiveLoss: 'output',
  MultinomialLogisticLoss: 'output',
}

export function kindOf(type: LayerType): LayerKind {
  return kinds[type]
}

/** Those a net has, in the order of the table above. */
export function kindsOf(types: LayerType[]): LayerKind[] {
  const order = [...new Set(Object.values(kinds))]
  const found = new Set(types.map(kindOf))
  return order.filter((kind) => found.has(kind))
}
