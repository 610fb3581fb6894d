// What a reader of the exported file needs to know beside the graph, as ONNX metadata_props (string keys and values).

import type { Shape } from '../net/graph'
import type { Preprocessing } from './preprocessing'

export interface ModelInfo {
  /** Class names in label order. */
  classes?: string[]
  /** All parameters of the prunable layers over those kept, biases counted. */
  compression?: number
  parametersTotal?: number
  parametersKept?: number
  /** The Caffe model the net came from, as shown to people. */
  source?: string
}

export function metadata(
  netName: string,
  inputName: string,
  inputShape: Shape,
  included: boolean,
  preprocessing: Preprocessing | undefined,
  info: ModelInfo,
): Record<string, string> {
  const entries: Record<string, string | undefined> = {
    caffe_net: netName,
    source: info.source,
    input: JSON.stringify(describeInput(inputName, inputShape, included, preprocessing)),
    classes: info.classes === undefined ? undefined : JSON.stringify(info.classes),
    compression: info.compression?.toString(),
    parameters_total: info.parametersTotal?.toString(),
    parameters_kept: info.parametersKept?.toString(),
  }
  return Object.fromEntries(
    Object.entries(entries).filter((entry): entry is [string, string] => entry[1] !== undefined),
  )
}

function describeInput(
  name: string,
  shape: Shape,
  included: boolean,
  preprocessing: Preprocessing | undefined,
): Record<string, unknown> {
  const description: Record<string, unknown> = { name, layout: 'NCHW' }
  // Caffe reads colour images through OpenCV, whose order is BGR
  if (shape.length === 4)
    description.channel_order = ({ 1: 'GRAY', 3: 'BGR' } as Record<number, string>)[shape[1]]
  if (preprocessing === undefined) return description
  const { scale, mean_value, crop_size } = preprocessing.transform
  return {
    ...description,
    preprocessing: included ? 'included: feed raw pixels' : 'not included: feed (pixel - mean) * scale',
    pixel_range: [0, 255],
    scale,
    mean: preprocessing.meanImage === undefined ? mean_value : 'image',
    crop: crop_size === 0 ? undefined : { size: crop_size, position: 'centre', by: 'caller' },
  }
}
