// Layers that work on each value by itself: the top has the bottom's shape.

import type { LayerParams, LayerType } from '../../net/graph'
import type { LayerMessage } from '../messages'
import type { LayerContext, Rule } from './context'

function neuron<T extends LayerType>(
  type: T,
  params: (layer: LayerMessage, context: LayerContext) => LayerParams[T],
  inPlace = true,
): Rule {
  return {
    bottoms: [1, 1],
    tops: [1, 1],
    inPlace,
    build: (context) => ({ type, params: params(context.layer, context), tops: [context.bottoms[0]] }),
  }
}

function checkedBase(context: LayerContext, base: number, path: string): number {
  if (base !== -1 && base <= 0) context.fail('bad-value', `'base' must be above 0, or -1 for e`, path)
  return base
}

export const neuronRules: Record<string, Rule> = {
  ReLU: neuron('ReLU', ({ relu_param }) => ({ negative_slope: relu_param?.negative_slope ?? 0 })),
  ELU: neuron('ELU', ({ elu_param }) => ({ alpha: elu_param?.alpha ?? 1 })),
  Sigmoid: neuron('Sigmoid', () => ({})),
  TanH: neuron('TanH', () => ({})),
  // CHECK_NE(top, bottom) in absval_layer.cpp
  AbsVal: neuron('AbsVal', () => ({}), false),
  BNLL: neuron('BNLL', () => ({})),
  Power: neuron('Power', ({ power_param: p }) => ({
    power: p?.power ?? 1,
    scale: p?.scale ?? 1,
    shift: p?.shift ?? 0,
  })),
  Exp: neuron('Exp', ({ exp_param: p }, context) => ({
    base: checkedBase(context, p?.base ?? -1, 'exp_param.base'),
    scale: p?.scale ?? 1,
    shift: p?.shift ?? 0,
  })),
  Log: neuron('Log', ({ log_param: p }, context) => ({
    base: checkedBase(context, p?.base ?? -1, 'log_param.base'),
    scale: p?.scale ?? 1,
    shift: p?.shift ?? 0,
  })),
  Swish: neuron('Swish', ({ swish_param }) => ({ beta: swish_param?.beta ?? 1 })),
  Clip: neuron('Clip', ({ clip_param }, context: LayerContext) => {
    const { min, max } = clip_param ?? {}
    if (min === undefined || max === undefined)
      context.fail('bad-value', `needs clip_param { min max }`, 'clip_param')
    return { min, max }
  }),
  Threshold: neuron('Threshold', ({ threshold_param }) => ({ threshold: threshold_param?.threshold ?? 0 })),
  Dropout: neuron('Dropout', ({ dropout_param }, context) => {
    const dropout_ratio = dropout_param?.dropout_ratio ?? 0.5
    if (!(dropout_ratio > 0 && dropout_ratio < 1)) {
      context.fail('bad-value', `'dropout_ratio' must be between 0 and 1`, 'dropout_param.dropout_ratio')
    }
    return { dropout_ratio }
  }),
}
