import { count } from '../../net/graph'
import type { LayerExporter } from './types'

/** Parameters: 0 sum of means, 1 sum of variances, 2 (one value) what both sums are to be divided by. */
export const exportBatchNorm: LayerExporter<'BatchNorm'> = (layer, context) => {
  const { use_global_stats, eps } = layer.params
  const [{ value, shape }] = context.bottoms
  if (shape.length < 2) context.refuse('normalises a blob without a channel axis')
  const channels = shape[1]
  if (use_global_stats) {
    return context.top(
      0,
      'BatchNormalization',
      [
        value,
        context.constant('gamma', [channels], new Float32Array(channels).fill(1)),
        context.constant('beta', [channels], new Float32Array(channels)),
        context.derived('mean', [channels], [0, 2], averaged),
        context.derived('variance', [channels], [1, 2], averaged),
      ],
      { epsilon: { float: eps } },
    )
  }
  const axes = shape.map((_, axis) => axis).filter((axis) => axis !== 1)
  const mean = context.node('ReduceMean', [value], { axes, keepdims: 1 })
  const centred = context.node('Sub', [value, mean])
  const variance = context.node('ReduceMean', [context.node('Mul', [centred, centred])], {
    axes,
    keepdims: 1,
  })
  const shifted = context.node('Add', [variance, context.scalar('epsilon', eps)])
  context.top(0, 'Div', [centred, context.node('Sqrt', [shifted])])
}

function averaged([sums, factor]: Float32Array[]): Float32Array {
  const scale = factor[0] === 0 ? 0 : 1 / factor[0]
  return sums.map((sum) => sum * scale)
}

/** Mean-variance normalisation of each item, by channel or across channels. eps is added to the deviation, not the variance. */
export const exportMvn: LayerExporter<'MVN'> = (layer, context) => {
  const { normalize_variance, across_channels, eps } = layer.params
  const [{ value, shape }] = context.bottoms
  const first = across_channels ? 1 : 2
  const axes = shape.map((_, axis) => axis).slice(first)
  if (count(shape.slice(first)) < 2) context.refuse('normalises single values')
  const mean = context.node('ReduceMean', [value], { axes, keepdims: 1 })
  if (!normalize_variance) return context.top(0, 'Sub', [value, mean])
  const centred = context.node('Sub', [value, mean])
  const variance = context.node('ReduceMean', [context.node('Mul', [centred, centred])], {
    axes,
    keepdims: 1,
  })
  const deviation = context.node('Add', [context.node('Sqrt', [variance]), context.scalar('epsilon', eps)])
  context.top(0, 'Div', [centred, deviation])
}
