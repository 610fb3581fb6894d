// Layers that move values and compute nothing.

import type { LayerExporter } from './types'

/** At test time the output is the input. */
export const exportDropout: LayerExporter<'Dropout'> = (_, context) =>
  context.alias(0, context.bottoms[0].value)

export const exportSplit: LayerExporter<'Split'> = (layer, context) =>
  layer.tops.forEach((_, i) => context.alias(i, context.bottoms[0].value))

export const exportConcat: LayerExporter<'Concat'> = (layer, context) =>
  context.top(
    0,
    'Concat',
    context.bottoms.map((bottom) => bottom.value),
    { axis: layer.params.axis },
  )

export const exportSlice: LayerExporter<'Slice'> = (layer, context) => {
  const { axis } = layer.params
  if (axis === 0) context.refuse('cuts the batch apart')
  const sizes = context.ints(
    'sizes',
    layer.top_shapes.map((shape) => shape[axis]),
  )
  context.nodeToAll(context.tops, 'Split', [context.bottoms[0].value, sizes], { axis })
}

export const exportFlatten: LayerExporter<'Flatten'> = (layer, context) => {
  const [{ value }] = context.bottoms
  const [top] = layer.top_shapes
  if (layer.params.axis === 1 && top.length === 2) context.top(0, 'Flatten', [value], { axis: 1 })
  else context.top(0, 'Reshape', [value, context.batchShape(top)])
}

export const exportReshape: LayerExporter<'Reshape'> = (layer, context) => {
  const [{ value }] = context.bottoms
  context.top(0, 'Reshape', [value, context.batchShape(layer.top_shapes[0])])
}

export const exportTile: LayerExporter<'Tile'> = (layer, context) => {
  const { axis, tiles } = layer.params
  const [{ value, shape }] = context.bottoms
  const repeats = shape.map((_, i) => (i === axis ? tiles : 1))
  context.top(0, 'Tile', [value, context.ints('repeats', repeats)])
}

/** Bottom 0 cut to the size of bottom 1 on the axes from `axis` on. */
export const exportCrop: LayerExporter<'Crop'> = (layer, context) => {
  const { axis, offset } = layer.params
  const [{ value, shape }] = context.bottoms
  const [top] = layer.top_shapes
  const axes = shape.map((_, i) => i).slice(axis)
  const starts = axes.map((_, i) => offset[i])
  if (axes[0] === 0) {
    if (starts[0] !== 0 || top[0] !== shape[0]) context.refuse('crops the batch')
    axes.shift()
    starts.shift()
  }
  const ends = axes.map((cropped, i) => starts[i] + top[cropped])
  context.top(0, 'Slice', [
    value,
    context.ints('starts', starts),
    context.ints('ends', ends),
    context.ints('axes', axes),
  ])
}

/** Takes blobs that nobody reads. */
export const exportSilence: LayerExporter<'Silence'> = () => undefined
