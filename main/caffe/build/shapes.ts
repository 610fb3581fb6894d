// Layers that combine, cut and reshape blobs.

import { count, type Shape } from '../../net/graph'
import { anyNumber, shapeText, type Built, type LayerContext, type Rule } from './context'

/** `axis`, or its older unsigned name (concat_dim, slice_dim). */
function axisOrAlias(
  context: LayerContext,
  param: string,
  axis: number | undefined,
  aliasName: string,
  alias: number | undefined,
): number {
  if (axis !== undefined && alias !== undefined) {
    context.fail('bad-value', `'axis' and '${aliasName}' are both given`, `${param}.${aliasName}`)
  }
  return context.axis(alias ?? axis ?? 1, `${param}.${alias === undefined ? 'axis' : aliasName}`)
}

function replaceAxis(shape: Shape, axis: number, dim: number): Shape {
  return shape.map((value, i) => (i === axis ? dim : value))
}

function buildConcat(context: LayerContext): Built<'Concat'> {
  const message = context.layer.concat_param ?? {}
  const first = context.bottoms[0]
  const axis = axisOrAlias(context, 'concat_param', message.axis, 'concat_dim', message.concat_dim)
  context.bottoms.forEach((shape, i) => {
    const fits = shape.length === first.length && shape.every((dim, a) => a === axis || dim === first[a])
    if (!fits) context.mismatch(i, `all axes but ${axis} must agree`)
  })
  const dim = context.bottoms.reduce((sum, shape) => sum + shape[axis], 0)
  return { type: 'Concat', params: { axis }, tops: [replaceAxis(first, axis, dim)] }
}

function buildSlice(context: LayerContext): Built<'Slice'> {
  const message = context.layer.slice_param ?? {}
  const shape = context.bottoms[0]
  const axis = axisOrAlias(context, 'slice_param', message.axis, 'slice_dim', message.slice_dim)
  const written = message.slice_point ?? []
  const pieces = context.topCount
  const path = 'slice_param.slice_point'
  if (written.length > 0 && written.length !== pieces - 1) {
    context.fail(
      'bad-value',
      `${pieces} tops need ${pieces - 1} 'slice_point', found ${written.length}`,
      path,
    )
  }
  if (written.length === 0 && shape[axis] % pieces !== 0) {
    const blob = `axis ${axis} of ${shapeText(shape)}`
    context.fail('shape-mismatch', `${blob} cannot be cut into ${pieces} equal parts`, 'top')
  }
  const slice_point =
    written.length > 0
      ? written
      : Array.from({ length: pieces - 1 }, (_, i) => ((i + 1) * shape[axis]) / pieces)
  const ends = [...slice_point, shape[axis]]
  const tops = ends.map((end, i) => {
    const size = end - (i === 0 ? 0 : ends[i - 1])
    if (size <= 0) context.fail('bad-value', `the slice points must rise and stay below ${shape[axis]}`, path)
    return replaceAxis(shape, axis, size)
  })
  return { type: 'Slice', params: { axis, slice_point }, tops }
}

function buildEltwise(context: LayerContext): Built<'Eltwise'> {
  const message = context.layer.eltwise_param ?? {}
  const operation = message.operation ?? 'SUM'
  const coeff = message.coeff ?? []
  if (coeff.length > 0 && coeff.length !== context.bottoms.length) {
    const found = `${coeff.length} for ${context.bottoms.length} bottoms`
    context.fail('bad-value', `'coeff' must be given once per bottom: ${found}`, 'eltwise_param.coeff')
  }
  if (coeff.length > 0 && operation === 'PROD') {
    context.fail('bad-value', 'coefficients are for sums only', 'eltwise_param.coeff')
  }
  const shape = context.requireSameShapes()
  const weights = operation === 'SUM' ? (coeff.length > 0 ? coeff : context.bottoms.map(() => 1)) : []
  return { type: 'Eltwise', params: { operation, coeff: weights }, tops: [shape] }
}

function buildFlatten(context: LayerContext): Built<'Flatten'> {
  const shape = context.bottoms[0]
  const axis = context.axis(context.layer.flatten_param?.axis ?? 1, 'flatten_param.axis')
  const end_axis = context.axis(context.layer.flatten_param?.end_axis ?? -1, 'flatten_param.end_axis')
  if (end_axis < axis) context.fail('bad-axis', `'end_axis' lies before 'axis'`, 'flatten_param.end_axis')
  const top = [...shape.slice(0, axis), count(shape.slice(axis, end_axis + 1)), ...shape.slice(end_axis + 1)]
  return { type: 'Flatten', params: { axis, end_axis }, tops: [top] }
}

function buildReshape(context: LayerContext): Built<'Reshape'> {
  const message = context.layer.reshape_param ?? {}
  const shape = context.bottoms[0]
  const rank = shape.length
  const axis = message.axis ?? 0
  // here -1 stands behind the last axis (reshape_layer.cpp)
  const start = axis >= 0 ? axis : rank + axis + 1
  const num_axes = message.num_axes ?? -1
  const end = num_axes === -1 ? rank : start + num_axes
  if (start < 0 || start > rank)
    context.fail('bad-axis', `axis ${axis} is outside ${shapeText(shape)}`, 'reshape_param.axis')
  if (num_axes < -1 || end > rank) {
    context.fail(
      'bad-axis',
      `'num_axes' ${num_axes} goes beyond ${shapeText(shape)}`,
      'reshape_param.num_axes',
    )
  }
  const dims = message.shape?.dim ?? []
  const path = 'reshape_param.shape'
  if (dims.filter((dim) => dim === -1).length > 1)
    context.fail('bad-value', 'only one dimension may be -1', path)
  const middle = dims.map((dim, i) => {
    if (dim !== 0) return dim
    if (start + i >= rank)
      context.fail('bad-shape', `dimension ${i} is 0 (copy), but the input has no such axis`, path)
    return shape[start + i]
  })
  const kept = count(shape.slice(0, start)) * count(shape.slice(end))
  const known = kept * count(middle.filter((dim) => dim !== -1))
  const resolved = middle.map((dim) => (dim === -1 ? count(shape) / known : dim))
  const top = context.checkShape(
    [...shape.slice(0, start), ...resolved, ...shape.slice(end)],
    'the top',
    path,
  )
  if (count(top) !== count(shape)) {
    const message = `${shapeText(shape)} cannot become ${shapeText(top)}: ${count(shape)} and ${count(top)} elements`
    context.fail('shape-mismatch', message, path)
  }
  return { type: 'Reshape', params: {}, tops: [top] }
}

function buildReduction(context: LayerContext): Built<'Reduction'> {
  const message = context.layer.reduction_param ?? {}
  const axis = context.axis(message.axis ?? 0, 'reduction_param.axis')
  return {
    type: 'Reduction',
    params: { operation: message.operation ?? 'SUM', axis, coeff: message.coeff ?? 1 },
    tops: [context.bottoms[0].slice(0, axis)],
  }
}

function buildTile(context: LayerContext): Built<'Tile'> {
  const shape = context.bottoms[0]
  const axis = context.axis(context.layer.tile_param?.axis ?? 1, 'tile_param.axis')
  const tiles = context.positive(context.layer.tile_param?.tiles, 'tile_param.tiles')
  return { type: 'Tile', params: { axis, tiles }, tops: [replaceAxis(shape, axis, shape[axis] * tiles)] }
}

function buildSplit(context: LayerContext): Built<'Split'> {
  const tops = Array.from({ length: context.topCount }, () => context.bottoms[0])
  return { type: 'Split', params: {}, tops }
}

function buildSilence(): Built<'Silence'> {
  return { type: 'Silence', params: {}, tops: [] }
}

function buildHdf5Output(context: LayerContext): Built<'Silence'> {
  context.note('warning', 'HDF5Output writes nothing here; its inputs are computed and dropped')
  return buildSilence()
}

export const shapeRules: Record<string, Rule> = {
  Concat: { bottoms: [1, anyNumber], tops: [1, 1], build: buildConcat },
  Slice: { bottoms: [1, 1], tops: [1, anyNumber], build: buildSlice },
  Eltwise: { bottoms: [2, anyNumber], tops: [1, 1], inPlace: true, build: buildEltwise },
  Flatten: { bottoms: [1, 1], tops: [1, 1], build: buildFlatten },
  Reshape: { bottoms: [1, 1], tops: [1, 1], build: buildReshape },
  Reduction: { bottoms: [1, 1], tops: [1, 1], build: buildReduction },
  Tile: { bottoms: [1, 1], tops: [1, 1], build: buildTile },
  Split: { bottoms: [1, 1], tops: [1, anyNumber], build: buildSplit },
  Silence: { bottoms: [1, anyNumber], tops: [0, 0], build: buildSilence },
  HDF5Output: { bottoms: [1, anyNumber], tops: [0, 0], build: buildHdf5Output },
}
