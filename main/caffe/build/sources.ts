// Layers without bottoms. Every kind of data layer becomes a Data layer: the engine reads one kind of dataset, and a
// person maps the others to it.

import type { Filler, Shape, Transform } from '../../net/graph'
import type { LayerMessage } from '../messages'
import { anyNumber, resolveFiller, shapeText, type Built, type LayerContext, type Rule } from './context'

/** What a data layer of any type says about its data. */
export interface DataStatement {
  backend: 'LEVELDB' | 'LMDB' | 'HDF5' | 'images' | 'memory' | 'windows'
  source: string
  batch_size: number | undefined
  /** Field that holds batch_size, for error messages. */
  path: string
}

/** The data a layer states, or undefined where it is not a data layer. */
export function dataStatement(layer: LayerMessage): DataStatement | undefined {
  switch (layer.type) {
    case 'Data': {
      const m = layer.data_param
      // LEVELDB is caffe.proto's default
      return { backend: m?.backend ?? 'LEVELDB', ...pick(m), path: 'data_param.batch_size' }
    }
    case 'HDF5Data':
      return { backend: 'HDF5', ...pick(layer.hdf5_data_param), path: 'hdf5_data_param.batch_size' }
    case 'ImageData': {
      const m = layer.image_data_param
      return { backend: 'images', ...pick({ batch_size: 1, ...m }), path: 'image_data_param.batch_size' }
    }
    case 'MemoryData':
      return { backend: 'memory', ...pick(layer.memory_data_param), path: 'memory_data_param.batch_size' }
    case 'WindowData':
      return { backend: 'windows', ...pick(layer.window_data_param), path: 'window_data_param.batch_size' }
    default:
      return undefined
  }
}

function pick(message: { source?: string; batch_size?: number } | undefined) {
  return { source: message?.source ?? '', batch_size: message?.batch_size }
}

/** (C, H, W) where the prototxt itself settles it. */
export function statedDatumShape(layer: LayerMessage): [number, number, number] | undefined {
  const memory = layer.memory_data_param
  if (layer.type === 'MemoryData' && memory?.channels && memory.height && memory.width) {
    return [memory.channels, memory.height, memory.width]
  }
  const images = layer.image_data_param
  if (layer.type === 'ImageData' && images?.new_height && images.new_width) {
    return [images.is_color === false ? 1 : 3, images.new_height, images.new_width]
  }
  return undefined
}

function buildTransform(context: LayerContext): Transform {
  const message = context.layer.transform_param ?? {}
  const stated = message.mean_file ?? ''
  const mean_value = message.mean_value ?? []
  if (stated !== '' && mean_value.length > 0) {
    context.fail('bad-value', `'mean_file' and 'mean_value' are both given`, 'transform_param.mean_value')
  }
  const mean_file = stated === '' ? '' : (context.options.resolveFile?.(stated) ?? stated)
  if (stated !== '' && mean_file === '') {
    context.note('warning', `the mean image '${stated}' was not found; nothing is subtracted until it is`)
  }
  return {
    scale: message.scale ?? 1,
    mirror: message.mirror ?? false,
    crop_size: message.crop_size ?? 0,
    mean_file,
    mean_value,
    force_color: message.force_color ?? false,
    force_gray: message.force_gray ?? false,
  }
}

function datumShape(context: LayerContext, transform: Transform): [number, number, number] {
  const known = context.options.dataShapes?.[context.name] ?? statedDatumShape(context.layer)
  if (known !== undefined) return known
  context.fail(
    'unknown-data-shape',
    `the shape of its data is not known${transform.crop_size > 0 ? ' beyond the crop size' : ''}`,
    'data_param.source',
    'locate the dataset, or add a deploy prototxt that states the input shape',
  )
}

function buildData(context: LayerContext): Built<'Data'> {
  const statement = dataStatement(context.layer)
  if (statement === undefined) context.fail('internal', 'is not a data layer')
  if (context.layer.type !== 'Data') {
    const message = `${context.layer.type} is read as a Data layer of batch size ${statement.batch_size ?? 0}`
    context.note('warning', `${message}; map it to an LMDB or LevelDB of Datums`)
  }
  const stated = context.positive(statement.batch_size, statement.path)
  const batch_size = context.options.batchSize?.(stated) ?? stated
  const transform = buildTransform(context)
  const datum_shape = datumShape(context, transform)
  const [channels, height, width] = datum_shape
  context.checkShape(datum_shape, 'a datum')
  const { crop_size, mean_value } = transform
  if (crop_size > height || crop_size > width) {
    const message = `'crop_size' ${crop_size} is larger than a datum ${shapeText(datum_shape)}`
    context.fail('shape-mismatch', message, 'transform_param.crop_size')
  }
  if (mean_value.length > 1 && mean_value.length !== channels) {
    const message = `${mean_value.length} 'mean_value' for ${channels} channels: give one, or one per channel`
    context.fail('shape-mismatch', message, 'transform_param.mean_value')
  }
  const data: Shape =
    crop_size > 0 ? [batch_size, channels, crop_size, crop_size] : [batch_size, ...datum_shape]
  return {
    type: 'Data',
    params: { source: context.options.sources?.[context.name] ?? '', batch_size, datum_shape, transform },
    tops: [data, [batch_size]].slice(0, context.topCount),
  }
}

function buildInput(context: LayerContext): Built<'Input'> {
  const shapes = context.layer.input_param?.shape ?? []
  const path = 'input_param.shape'
  if (shapes.length === 0) {
    context.fail('bad-input', 'has no shape', path, 'add input_param { shape { dim: ... } }')
  }
  if (shapes.length !== 1 && shapes.length !== context.topCount) {
    context.fail('bad-input', `${shapes.length} shapes for ${context.topCount} tops`, path)
  }
  const tops = Array.from(
    { length: context.topCount },
    (_, i) => shapes[shapes.length === 1 ? 0 : i].dim ?? [],
  )
  return { type: 'Input', params: {}, tops }
}

function buildDummyData(context: LayerContext): Built<'DummyData'> {
  const message = context.layer.dummy_data_param ?? {}
  const tops = context.topCount
  const legacy = [message.num, message.channels, message.height, message.width].map((list) => list ?? [])
  const written = message.shape?.length ?? legacy[0].length
  const path = 'dummy_data_param'
  if (written !== 1 && written !== tops) {
    context.fail('bad-input', `${written} shapes for ${tops} tops: give one, or one per top`, path)
  }
  if (message.shape === undefined && legacy.some((list) => list.length !== written)) {
    context.fail('bad-input', `'num', 'channels', 'height' and 'width' must be given equally often`, path)
  }
  const fillers = message.data_filler ?? []
  if (fillers.length > 1 && fillers.length !== tops) {
    context.fail('bad-input', `${fillers.length} fillers for ${tops} tops: give one, or one per top`, path)
  }
  const at = (i: number) => (written === 1 ? 0 : i)
  const indices = Array.from({ length: tops }, (_, i) => i)
  const resolved: Filler[] = indices.map((i) =>
    resolveFiller(context, fillers[fillers.length === 1 ? 0 : i], `${path}.data_filler`),
  )
  return {
    type: 'DummyData',
    params: { fillers: resolved },
    tops: indices.map((i) =>
      message.shape ? (message.shape[at(i)].dim ?? []) : legacy.map((list) => list[at(i)]),
    ),
  }
}

const data: Rule = { bottoms: [0, 0], tops: [1, 2], build: buildData }

export const sourceRules: Record<string, Rule> = {
  Data: data,
  HDF5Data: data,
  ImageData: data,
  MemoryData: data,
  WindowData: data,
  Input: { bottoms: [0, 0], tops: [1, anyNumber], build: buildInput },
  DummyData: { bottoms: [0, 0], tops: [1, anyNumber], build: buildDummyData },
}
