import type { LayerExporter } from './types'

export const exportLrn: LayerExporter<'LRN'> = (layer, context) => {
  const { local_size, alpha, beta, k, norm_region } = layer.params
  const [{ value }] = context.bottoms
  if (norm_region === 'ACROSS_CHANNELS') {
    // both: x / (k + alpha / size * sum of squares)^beta
    return context.top(0, 'LRN', [value], {
      size: local_size,
      alpha: { float: alpha },
      beta: { float: beta },
      bias: { float: k },
    })
  }
  // x * (1 + alpha * mean of squares over local_size x local_size)^-beta; k is not used (lrn_layer.cpp of Caffe)
  const pad = (local_size - 1) / 2
  const squares = context.node('Mul', [value, value])
  const mean = context.node('AveragePool', [squares], {
    kernel_shape: [local_size, local_size],
    strides: [1, 1],
    pads: [pad, pad, pad, pad],
    count_include_pad: 1,
  })
  const scaled = context.node('Mul', [mean, context.scalar('alpha', alpha)])
  const shifted = context.node('Add', [scaled, context.scalar('one', 1)])
  const factor = context.node('Pow', [shifted, context.scalar('minus_beta', -beta)])
  context.top(0, 'Mul', [value, factor])
}
