// Spatial pyramid pooling (He et al., ECCV 2014): level i pools into 2^i x 2^i bins (spp_layer.cpp of Caffe).

import { averagePooling, maxPooling } from './pooling'
import type { PoolingGeometry } from './pooling'
import type { LayerExporter } from './types'

export const exportSpp: LayerExporter<'SPP'> = (layer, context) => {
  const { pyramid_height, pool } = layer.params
  if (pool === 'STOCHASTIC') context.refuse('pools stochastically', 'use MAX or AVE pooling')
  const [{ value, shape }] = context.bottoms
  const levels = Array.from({ length: pyramid_height }, (_, level) => {
    const geometry = levelGeometry(2 ** level, [shape[2], shape[3]])
    const out: [number, number] = [0, 1].map((i) => pooledSize(shape[2 + i], i, geometry)) as [number, number]
    let pooled: string
    if (pool === 'MAX') {
      pooled = context.node('MaxPool', [value], maxPooling(context, shape, out, geometry))
    } else {
      const [input, attributes] = averagePooling(context, value, shape, out, geometry)
      pooled = context.node('AveragePool', [input], attributes)
    }
    return context.node('Flatten', [pooled], { axis: 1 })
  })
  context.top(0, 'Concat', levels, { axis: 1 })
}

function levelGeometry(bins: number, size: [number, number]): PoolingGeometry {
  const kernel = size.map((dim) => Math.ceil(dim / bins)) as [number, number]
  const pad = size.map((dim, i) => Math.floor((kernel[i] * bins - dim + 1) / 2)) as [number, number]
  return { kernel_size: kernel, stride: kernel, pad }
}

function pooledSize(size: number, axis: number, { kernel_size, stride, pad }: PoolingGeometry): number {
  const rounded = Math.ceil((size + 2 * pad[axis] - kernel_size[axis]) / stride[axis]) + 1
  const startsOutside = pad[axis] > 0 && (rounded - 1) * stride[axis] >= size + pad[axis]
  return startsOutside ? rounded - 1 : rounded
}
