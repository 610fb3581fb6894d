// Which exporter a layer type has.

import type { LayerOf, LayerType } from '../../net/graph'
import type { LayerContext } from '../LayerContext'
import {
  exportAbsVal,
  exportBnll,
  exportClip,
  exportElu,
  exportReLU,
  exportSigmoid,
  exportSwish,
  exportTanH,
  exportThreshold,
} from './activation'
import { exportConvolution, exportDeconvolution } from './convolution'
import { exportEltwise } from './eltwise'
import { exportEmbed } from './embed'
import { exportInnerProduct } from './innerProduct'
import { exportLrn } from './lrn'
import { exportBatchNorm, exportMvn } from './normalization'
import { exportArgMax, exportSoftmax } from './output'
import { exportPooling } from './pooling'
import { exportExp, exportLog, exportPower } from './power'
import { exportReduction } from './reduction'
import { exportBias, exportPReLU, exportScale } from './scale'
import {
  exportConcat,
  exportCrop,
  exportDropout,
  exportFlatten,
  exportReshape,
  exportSilence,
  exportSlice,
  exportSplit,
  exportTile,
} from './shape'
import { exportSpp } from './spp'
import type { LayerExporter } from './types'

const USE_DEPLOY = 'export the deploy form of the net'

const EXPORTERS: { [T in LayerType]: LayerExporter<T> | Refusal } = {
  Convolution: exportConvolution,
  Deconvolution: exportDeconvolution,
  InnerProduct: exportInnerProduct,
  Embed: exportEmbed,
  BatchNorm: exportBatchNorm,
  Scale: exportScale,
  Bias: exportBias,
  PReLU: exportPReLU,
  Pooling: exportPooling,
  LRN: exportLrn,
  SPP: exportSpp,
  Crop: exportCrop,
  ReLU: exportReLU,
  ELU: exportElu,
  Sigmoid: exportSigmoid,
  TanH: exportTanH,
  AbsVal: exportAbsVal,
  BNLL: exportBnll,
  Power: exportPower,
  Exp: exportExp,
  Log: exportLog,
  Swish: exportSwish,
  Clip: exportClip,
  Threshold: exportThreshold,
  Dropout: exportDropout,
  Concat: exportConcat,
  Slice: exportSlice,
  Eltwise: exportEltwise,
  Split: exportSplit,
  Flatten: exportFlatten,
  Reshape: exportReshape,
  Reduction: exportReduction,
  Tile: exportTile,
  MVN: exportMvn,
  Silence: exportSilence,
  Softmax: exportSoftmax,
  ArgMax: exportArgMax,
  Im2col: { refusal: 'has no operator in ONNX', hint: 'use a Convolution layer' },
  Data: { refusal: 'reads a database', hint: USE_DEPLOY },
  Input: () => undefined, // the exporter of the graph makes inputs of its tops
  DummyData: { refusal: 'makes up its data', hint: USE_DEPLOY },
  Accuracy: { refusal: 'needs labels', hint: USE_DEPLOY },
  SoftmaxWithLoss: { refusal: 'needs labels', hint: USE_DEPLOY },
  SigmoidCrossEntropyLoss: { refusal: 'needs labels', hint: USE_DEPLOY },
  InfogainLoss: { refusal: 'needs labels', hint: USE_DEPLOY },
  EuclideanLoss: { refusal: 'needs targets', hint: USE_DEPLOY },
  HingeLoss: { refusal: 'needs labels', hint: USE_DEPLOY },
  ContrastiveLoss: { refusal: 'needs labels', hint: USE_DEPLOY },
  MultinomialLogisticLoss: { refusal: 'needs labels', hint: USE_DEPLOY },
}

/** Why a layer type cannot be exported, as the end of "layer ... cannot be exported to ONNX: it ..." */
interface Refusal {
  refusal: string
  hint: string
}

export function exportLayer<T extends LayerType>(layer: LayerOf<T>, context: LayerContext): void {
  const exporter: LayerExporter<T> | Refusal = EXPORTERS[layer.type]
  if ('refusal' in exporter) context.refuse(exporter.refusal, exporter.hint)
  exporter(layer, context)
}

/** Layer types whose tops are another name of their bottom: they add no node. */
export function isAlias(type: LayerType): boolean {
  return type === 'Dropout' || type === 'Split'
}
