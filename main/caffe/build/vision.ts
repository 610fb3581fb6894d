// Pooling, SPP, LRN, Crop, MVN: layers over the (N, C, H, W) axes.

import type { Shape } from '../../net/graph'
import { shapeText, type Built, type LayerContext, type Rule } from './context'

type Pair = [number, number]

function pooledDim(
  input: number,
  kernel: number,
  stride: number,
  pad: number,
  padded: boolean,
  ceil: boolean,
): number {
  const steps = (input + 2 * pad - kernel) / stride
  const pooled = (ceil ? Math.ceil(steps) : Math.floor(steps)) + 1
  // the last window must start inside the image or its leading padding (pooling_layer.cpp clips only where padded)
  return padded && (pooled - 1) * stride >= input + pad ? pooled - 1 : pooled
}

function pair(
  context: LayerContext,
  key: string,
  both: number | undefined,
  h: number | undefined,
  w: number | undefined,
): Pair | undefined {
  if (h === undefined && w === undefined) return both === undefined ? undefined : [both, both]
  if (both !== undefined) {
    context.fail('bad-value', `'${key}' is given besides its _h and _w`, `pooling_param.${key}`)
  }
  if (h === undefined || w === undefined) {
    context.fail('bad-value', `'${key}' needs both _h and _w`, 'pooling_param')
  }
  return [h, w]
}

function buildPooling(context: LayerContext): Built<'Pooling'> {
  const m = context.layer.pooling_param ?? {}
  const shape = context.requireRank(4)
  const input: Pair = [shape[2], shape[3]]
  const pool = m.pool ?? 'MAX'
  const global_pooling = m.global_pooling ?? false
  const written = pair(context, 'kernel_size', m.kernel_size, m.kernel_h, m.kernel_w)
  if (global_pooling && written !== undefined) {
    context.fail('bad-value', 'global pooling takes no kernel size', 'pooling_param.kernel_size')
  }
  const kernel_size = global_pooling ? input : written
  if (kernel_size === undefined)
    context.fail('bad-value', `'kernel_size' is missing`, 'pooling_param.kernel_size')
  const pad = pair(context, 'pad', m.pad, m.pad_h, m.pad_w) ?? [0, 0]
  const stride = pair(context, 'stride', m.stride, m.stride_h, m.stride_w) ?? [1, 1]
  if ([...kernel_size, ...stride].some((value) => value <= 0)) {
    context.fail('bad-value', 'kernel size and stride must be above 0', 'pooling_param')
  }
  if (global_pooling && [...pad.map((p) => p + 1), ...stride].some((value) => value !== 1)) {
    context.fail('bad-value', 'global pooling takes no padding and a stride of 1', 'pooling_param')
  }
  const padded = pad.some((p) => p > 0)
  if (padded && pool === 'STOCHASTIC') {
    context.fail('bad-value', 'stochastic pooling takes no padding', 'pooling_param.pad')
  }
  if (pad.some((p, i) => p >= kernel_size[i])) {
    context.fail('bad-value', 'the padding must be smaller than the kernel', 'pooling_param.pad')
  }
  if (context.topCount === 2 && pool !== 'MAX') {
    context.fail('bad-value', 'only max pooling has a second top, the positions of the maxima', 'top')
  }
  const round_mode = m.round_mode ?? 'CEIL'
  const dims = kernel_size.map((kernel, i) => {
    const pooled = pooledDim(input[i], kernel, stride[i], pad[i], padded, round_mode === 'CEIL')
    if (pooled < 1) {
      context.fail(
        'shape-mismatch',
        `a kernel of ${kernel} does not fit an input of ${input[i]}`,
        'pooling_param',
      )
    }
    if ((pooled - 1) * stride[i] - pad[i] >= input[i]) {
      const window = `kernel ${kernel} and stride ${stride[i]} on ${input[i]} make a window that starts outside the input`
      context.fail('pooling-window', `${window}; Caffe reads foreign memory there`, 'pooling_param.stride')
    }
    return pooled
  })
  const top: Shape = [shape[0], shape[1], ...dims]
  return {
    type: 'Pooling',
    params: { pool, kernel_size, stride, pad, global_pooling, round_mode },
    tops: new Array<Shape>(context.topCount).fill(top),
  }
}

function buildSpp(context: LayerContext): Built<'SPP'> {
  const shape = context.requireRank(4)
  const pyramid_height = context.positive(context.layer.spp_param?.pyramid_height, 'spp_param.pyramid_height')
  const pool = context.layer.spp_param?.pool ?? 'MAX'
  const params = { pyramid_height, pool }
  // one level is a plain pooling, not flattened (spp_layer.cpp)
  if (pyramid_height === 1) return { type: 'SPP', params, tops: [[shape[0], shape[1], 1, 1]] }
  let bins = 0
  for (let level = 0; level < pyramid_height; level++) {
    const side = 2 ** level
    const cells = [shape[2], shape[3]].map((input) => {
      const kernel = Math.ceil(input / side)
      const pad = Math.floor((kernel * side - input + 1) / 2)
      if (pad >= kernel) {
        const message = `level ${level} cuts ${shapeText(shape)} into ${side} parts, which Caffe cannot pool`
        context.fail('shape-mismatch', message, 'spp_param.pyramid_height')
      }
      return { input, kernel, pad }
    })
    const padded = cells.some(({ pad }) => pad > 0)
    bins += cells.reduce(
      (n, { input, kernel, pad }) => n * pooledDim(input, kernel, kernel, pad, padded, true),
      1,
    )
  }
  return { type: 'SPP', params, tops: [[shape[0], shape[1] * bins]] }
}

function buildLrn(context: LayerContext): Built<'LRN'> {
  const message = context.layer.lrn_param ?? {}
  const shape = context.requireRank(4)
  const local_size = message.local_size ?? 5
  if (local_size % 2 !== 1) context.fail('bad-value', `'local_size' must be odd`, 'lrn_param.local_size')
  return {
    type: 'LRN',
    params: {
      local_size,
      alpha: message.alpha ?? 1,
      beta: message.beta ?? 0.75,
      k: message.k ?? 1,
      norm_region: message.norm_region ?? 'ACROSS_CHANNELS',
    },
    tops: [shape],
  }
}

function buildCrop(context: LayerContext): Built<'Crop'> {
  const [shape, reference] = context.bottoms
  const axis = context.axis(context.layer.crop_param?.axis ?? 2, 'crop_param.axis')
  if (reference.length !== shape.length) context.mismatch(1, 'they must have the same number of axes')
  const cropped = shape.length - axis
  const offsets = context.layer.crop_param?.offset ?? []
  if (offsets.length > 1 && offsets.length !== cropped) {
    const message = `'offset' is given ${offsets.length} times for ${cropped} cropped axes`
    context.fail('bad-value', message, 'crop_param.offset')
  }
  const offset = Array.from({ length: cropped }, (_, i) =>
    offsets.length === 1 ? offsets[0] : (offsets[i] ?? 0),
  )
  offset.forEach((start, i) => {
    if (start + reference[axis + i] > shape[axis + i])
      context.mismatch(1, `the crop leaves the blob on axis ${axis + i}`)
  })
  return {
    type: 'Crop',
    params: { axis, offset },
    tops: [[...shape.slice(0, axis), ...reference.slice(axis)]],
  }
}

function buildMvn(context: LayerContext): Built<'MVN'> {
  const message = context.layer.mvn_param ?? {}
  return {
    type: 'MVN',
    params: {
      normalize_variance: message.normalize_variance ?? true,
      across_channels: message.across_channels ?? false,
      eps: message.eps ?? 1e-9,
    },
    tops: [context.bottoms[0]],
  }
}

export const visionRules: Record<string, Rule> = {
  Pooling: { bottoms: [1, 1], tops: [1, 2], build: buildPooling },
  SPP: { bottoms: [1, 1], tops: [1, 1], build: buildSpp },
  LRN: { bottoms: [1, 1], tops: [1, 1], build: buildLrn },
  Crop: { bottoms: [2, 2], tops: [1, 1], build: buildCrop },
  MVN: { bottoms: [1, 1], tops: [1, 1], build: buildMvn },
}
