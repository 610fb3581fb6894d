import type { Attributes } from '../GraphBuilder'
import type { LayerExporter } from './types'

const OP_TYPE = { SUM: 'ReduceSum', ASUM: 'ReduceL1', SUMSQ: 'ReduceSumSquare', MEAN: 'ReduceMean' } as const

/** coeff * the reduction of all axes from `axis` on. */
export const exportReduction: LayerExporter<'Reduction'> = (layer, context) => {
  const { operation, axis, coeff } = layer.params
  const [{ value, shape }] = context.bottoms
  const axes = shape.map((_, i) => i).slice(axis)
  const opType = OP_TYPE[operation]
  // opset 13 moved the axes of ReduceSum, and of no other reduction, from an attribute to an input
  const reduce: [inputs: string[], attributes: Attributes] =
    operation === 'SUM'
      ? [[value, context.ints('axes', axes)], { keepdims: 0 }]
      : [[value], { axes, keepdims: 0 }]
  if (coeff === 1) return context.top(0, opType, ...reduce)
  context.top(0, 'Mul', [context.node(opType, ...reduce), context.scalar('coeff', coeff)])
}
