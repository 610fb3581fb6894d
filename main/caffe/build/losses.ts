// Output layers: Softmax, ArgMax, Accuracy and the losses.

import { count, type LossParams, type Shape } from '../../net/graph'
import { shapeText, type Built, type LayerContext, type Rule } from './context'

function lossParams(context: LayerContext, byDefault: LossParams['normalization']): LossParams {
  const message = context.layer.loss_param ?? {}
  // `normalize` is the older, two-valued way to say it
  const legacy = message.normalize === undefined ? undefined : message.normalize ? 'VALID' : 'BATCH_SIZE'
  return {
    normalization: message.normalization ?? legacy ?? byDefault,
    ignore_label: message.ignore_label ?? null,
  }
}

function requireSameBatch(context: LayerContext): void {
  const [scores, label] = context.bottoms
  if (scores.length === 0 || label.length === 0 || scores[0] !== label[0]) {
    context.mismatch(1, 'the batch sizes must agree')
  }
}

/** One label per position: all axes of the scores but the class axis. */
function requireLabels(context: LayerContext, axis: number): void {
  const [scores, label] = context.bottoms
  if (count(label) !== count(scores) / scores[axis]) {
    context.mismatch(1, `there must be one label for each of the ${count(scores) / scores[axis]} positions`)
  }
}

function buildSoftmax(context: LayerContext): Built<'Softmax'> {
  const axis = context.axis(context.layer.softmax_param?.axis ?? 1, 'softmax_param.axis')
  return { type: 'Softmax', params: { axis }, tops: [context.bottoms[0]] }
}

function buildArgMax(context: LayerContext): Built<'ArgMax'> {
  const message = context.layer.argmax_param ?? {}
  const shape = context.bottoms[0]
  const axis = message.axis === undefined ? null : context.axis(message.axis, 'argmax_param.axis')
  const top_k = context.positive(message.top_k ?? 1, 'argmax_param.top_k')
  const out_max_val = message.out_max_val ?? false
  const available = axis === null ? count(shape.slice(1)) : shape[axis]
  if (top_k > available) {
    context.fail('bad-value', `'top_k' ${top_k} is more than the ${available} values`, 'argmax_param.top_k')
  }
  let top: Shape
  if (axis === null) {
    // (N, 1 or 2, top_k), padded with ones to the input's number of axes (argmax_layer.cpp)
    top = new Array<number>(Math.max(shape.length, 3)).fill(1)
    top[0] = shape[0] ?? 1
    top[1] = out_max_val ? 2 : 1
    top[2] = top_k
  } else {
    top = shape.map((dim, i) => (i === axis ? top_k : dim))
  }
  return { type: 'ArgMax', params: { out_max_val, top_k, axis }, tops: [top] }
}

function buildAccuracy(context: LayerContext): Built<'Accuracy'> {
  const message = context.layer.accuracy_param ?? {}
  const scores = context.bottoms[0]
  const axis = context.axis(message.axis ?? 1, 'accuracy_param.axis')
  const top_k = context.positive(message.top_k ?? 1, 'accuracy_param.top_k')
  if (top_k > scores[axis]) {
    context.fail(
      'bad-value',
      `'top_k' ${top_k} is more than the ${scores[axis]} classes`,
      'accuracy_param.top_k',
    )
  }
  requireLabels(context, axis)
  return {
    type: 'Accuracy',
    params: { top_k, axis, ignore_label: message.ignore_label ?? null },
    tops: [[], [scores[axis]]].slice(0, context.topCount),
  }
}

function buildSoftmaxWithLoss(context: LayerContext): Built<'SoftmaxWithLoss'> {
  requireSameBatch(context)
  const axis = context.axis(context.layer.softmax_param?.axis ?? 1, 'softmax_param.axis')
  requireLabels(context, axis)
  return {
    type: 'SoftmaxWithLoss',
    params: { ...lossParams(context, 'VALID'), axis },
    tops: [[], context.bottoms[0]].slice(0, context.topCount),
  }
}

function buildSigmoidCrossEntropyLoss(context: LayerContext): Built<'SigmoidCrossEntropyLoss'> {
  requireSameBatch(context)
  if (count(context.bottoms[0]) !== count(context.bottoms[1])) context.mismatch(1, 'their sizes must agree')
  return {
    type: 'SigmoidCrossEntropyLoss',
    params: lossParams(context, 'BATCH_SIZE'),
    tops: [[], context.bottoms[0]].slice(0, context.topCount),
  }
}

function buildInfogainLoss(context: LayerContext): Built<'InfogainLoss'> {
  requireSameBatch(context)
  const message = context.layer.infogain_loss_param ?? {}
  const axis = context.axis(message.axis ?? 1, 'infogain_loss_param.axis')
  requireLabels(context, axis)
  let source = ''
  if (context.bottoms.length < 3) {
    const stated = message.source ?? ''
    source = stated === '' ? '' : (context.options.resolveFile?.(stated) ?? stated)
    if (source === '') {
      const problem =
        stated === '' ? 'needs an infogain matrix' : `its infogain matrix '${stated}' was not found`
      const hint = 'set infogain_loss_param { source }, or give the matrix as the third bottom'
      context.fail('missing-file', problem, 'infogain_loss_param.source', hint)
    }
  }
  const input =
    context.options.infogainInput ?? (context.bottomTypes[0] === 'Softmax' ? 'PROBABILITIES' : 'LOGITS')
  return {
    type: 'InfogainLoss',
    params: { ...lossParams(context, 'VALID'), axis, source, input },
    tops: [[], context.bottoms[0]].slice(0, context.topCount),
  }
}

function buildEuclideanLoss(context: LayerContext): Built<'EuclideanLoss'> {
  requireSameBatch(context)
  if (count(context.bottoms[0]) !== count(context.bottoms[1])) context.mismatch(1, 'their sizes must agree')
  return { type: 'EuclideanLoss', params: {}, tops: [[]] }
}

function buildHingeLoss(context: LayerContext): Built<'HingeLoss'> {
  requireSameBatch(context)
  requireOneLabelEach(context)
  return { type: 'HingeLoss', params: { norm: context.layer.hinge_loss_param?.norm ?? 'L1' }, tops: [[]] }
}

function requireOneLabelEach(context: LayerContext, index = 1): void {
  const label = context.bottoms[index]
  if (count(label) !== context.bottoms[0][0]) {
    const found = `'${context.bottomName(index)}' is ${shapeText(label)}`
    context.fail('shape-mismatch', `needs one label per item, but ${found}`, 'bottom')
  }
}

function buildMultinomialLogisticLoss(context: LayerContext): Built<'MultinomialLogisticLoss'> {
  requireSameBatch(context)
  requireOneLabelEach(context)
  return { type: 'MultinomialLogisticLoss', params: {}, tops: [[]] }
}

function buildContrastiveLoss(context: LayerContext): Built<'ContrastiveLoss'> {
  requireSameBatch(context)
  const [a, b] = context.bottoms
  // contrastive_loss_layer.cpp: (N, C, 1, 1) or (N, C), the same for both
  if (count(a) !== count(b) || count(a.slice(2)) !== 1 || count(b.slice(2)) !== 1) {
    context.mismatch(1, 'both must be (N, C) or (N, C, 1, 1) with the same N and C')
  }
  requireOneLabelEach(context, 2)
  const { margin = 1, legacy_version = false } = context.layer.contrastive_loss_param ?? {}
  return { type: 'ContrastiveLoss', params: { margin, legacy_version }, tops: [[]] }
}

const loss = true

export const lossRules: Record<string, Rule> = {
  Softmax: { bottoms: [1, 1], tops: [1, 1], inPlace: true, build: buildSoftmax },
  ArgMax: { bottoms: [1, 1], tops: [1, 1], build: buildArgMax },
  Accuracy: { bottoms: [2, 2], tops: [1, 2], build: buildAccuracy },
  SoftmaxWithLoss: { bottoms: [2, 2], tops: [1, 2], loss, build: buildSoftmaxWithLoss },
  SigmoidCrossEntropyLoss: { bottoms: [2, 2], tops: [1, 2], loss, build: buildSigmoidCrossEntropyLoss },
  InfogainLoss: { bottoms: [2, 3], tops: [1, 2], loss, build: buildInfogainLoss },
  EuclideanLoss: { bottoms: [2, 2], tops: [1, 1], loss, build: buildEuclideanLoss },
  HingeLoss: { bottoms: [2, 2], tops: [1, 1], loss, build: buildHingeLoss },
  ContrastiveLoss: { bottoms: [3, 3], tops: [1, 1], loss, build: buildContrastiveLoss },
  MultinomialLogisticLoss: { bottoms: [2, 2], tops: [1, 1], loss, build: buildMultinomialLogisticLoss },
}
