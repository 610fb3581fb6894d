// An ONNX model as protobuf segments: everything small encoded at once, tensors loaded when their turn comes.

import {
  collectSegments,
  byteLength,
  lengthDelimited,
  littleEndianBytes,
  MAX_MESSAGE_BYTES,
  writeSegments,
} from '../caffe/protobufSegments'
import type { Segment } from '../caffe/protobufSegments'
import { AppError } from '../net/errors'
import { count } from '../net/graph'
import type { Initializer } from './GraphBuilder'
import type { NodeMessage, ValueInfoMessage } from './schema'
import { DATA_TYPE, FIELD, GraphProto, ModelProto, TensorProto } from './schema'
import { sparseInitializer } from './sparseInitializer'

export interface OnnxModel {
  name: string
  opset: 13 | 17
  producerVersion: string
  docString: string
  nodes: NodeMessage[]
  inputs: ValueInfoMessage[]
  outputs: ValueInfoMessage[]
  initializers: Initializer[]
  metadata: Record<string, string>
  weightStorage: WeightStorage
}

/** 'sparse': tensors that are smaller so are stored as places and values (sparse_initializer). */
export type WeightStorage = 'dense' | 'sparse'

/** The IR version that came with an operator set (ONNX's versioning table). */
const IR_VERSION = { 13: 7, 17: 8 } as const

export async function encodeModel(model: OnnxModel): Promise<Uint8Array> {
  return collectSegments(await modelSegments(model))
}

/** Writes and fsyncs the file; returns its size. */
export async function writeModel(model: OnnxModel, file: string): Promise<number> {
  return writeSegments(file, await modelSegments(model))
}

async function modelSegments(model: OnnxModel): Promise<Segment[]> {
  const header = ModelProto.encode({
    ir_version: IR_VERSION[model.opset],
    producer_name: 'OLMP Studio',
    producer_version: model.producerVersion,
    doc_string: model.docString,
    opset_import: [{ domain: '', version: model.opset }],
    metadata_props: Object.entries(model.metadata).map(([key, value]) => ({ key, value })),
  }).finish()
  const graph = GraphProto.encode({
    name: model.name,
    node: model.nodes,
    input: model.inputs,
    output: model.outputs,
  }).finish()
  const tensors: Segment[] = []
  for (const initializer of model.initializers) {
    const sparse = model.weightStorage === 'sparse' ? await sparseInitializer(initializer) : undefined
    if (sparse === undefined) tensors.push(...denseInitializer(initializer))
    else tensors.push(...lengthDelimited(FIELD.GRAPH_SPARSE_INITIALIZER, [sparse]))
  }
  // Protobuf concatenates: fields of one message may come in any order
  const segments = [header, ...lengthDelimited(FIELD.MODEL_GRAPH, [graph, ...tensors])]
  const bytes = byteLength(segments)
  if (bytes > MAX_MESSAGE_BYTES) {
    throw new AppError(
      'model-too-large',
      `the ONNX file would have ${bytes} bytes; the format ends at 2 GiB`,
      { hint: 'export a smaller net' },
    )
  }
  return segments
}

function denseInitializer({ name, shape, dataType, load }: Initializer): Segment[] {
  const head = TensorProto.encode({ dims: shape, data_type: dataType, name }).finish()
  const bytes = count(shape) * (dataType === DATA_TYPE.INT64 ? 8 : 4)
  const data: Segment = { byteLength: bytes, load: async () => littleEndianBytes(await load()) }
  return lengthDelimited(FIELD.GRAPH_INITIALIZER, [head, ...lengthDelimited(FIELD.TENSOR_RAW_DATA, [data])])
}
