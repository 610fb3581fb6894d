// A deploy net as an ONNX model: inputs from Input layers, one exporter per layer type, outputs are the unread blobs.

import { AppError } from '../net/errors'
import type { Layer, NetGraph, Shape } from '../net/graph'
import { GraphBuilder } from './GraphBuilder'
import type { Bottom, WeightReader } from './LayerContext'
import { LayerContext } from './LayerContext'
import type { ModelInfo } from './metadata'
import { metadata } from './metadata'
import type { OnnxModel, WeightStorage } from './modelFile'
import { encodeModel, writeModel } from './modelFile'
import { exportLayer, isAlias } from './ops'
import type { Preprocessing } from './preprocessing'
import { addPreprocessing } from './preprocessing'
import type { ValueInfoMessage } from './schema'
import { DATA_TYPE } from './schema'

export type { WeightReader } from './LayerContext'
export type { ModelInfo } from './metadata'
export type { WeightStorage } from './modelFile'
export type { MeanImage, Preprocessing } from './preprocessing'

export interface ExportOptions {
  /** Operator set; 13 is read by every runtime since 2021. Default 13. */
  opset?: 13 | 17
  /** The test transform of the net's data layer, which the blob `dataBlob` stands for. */
  preprocessing?: Preprocessing
  /** Put (pixel - mean) * scale into the graph, so that the input is raw pixels. Default true. */
  includePreprocessing?: boolean
  /** The input that `preprocessing` belongs to. Default: the first top of the first Input layer. */
  dataBlob?: string
  info?: ModelInfo
  /** 'sparse' makes a pruned net's file small; not every reader of ONNX knows sparse initializers. Default 'dense'. */
  weightStorage?: WeightStorage
  /** Version of the program, for producer_version. */
  producerVersion?: string
}

/** The model as bytes of an .onnx file. For files use writeOnnx, which holds one tensor at a time. */
export async function exportOnnx(
  graph: NetGraph,
  weights: WeightReader,
  options: ExportOptions = {},
): Promise<Uint8Array> {
  return encodeModel(buildModel(graph, weights, options))
}

/** Writes and fsyncs `file`; returns its size in bytes. */
export async function writeOnnx(
  graph: NetGraph,
  weights: WeightReader,
  file: string,
  options: ExportOptions = {},
): Promise<number> {
  return writeModel(buildModel(graph, weights, options), file)
}

/** An ONNX value. */
interface Value {
  name: string
  shape: Shape
}

/** @throws AppError 'not-exportable' naming layer and type. */
export function buildModel(graph: NetGraph, weights: WeightReader, options: ExportOptions): OnnxModel {
  const builder = new GraphBuilder()
  const inputs = inputBlobs(graph)
  const dataBlob = options.dataBlob ?? inputs[0].name
  const dataInput = inputs.find((input) => input.name === dataBlob)
  if (dataInput === undefined) {
    throw new AppError('unknown-blob', `the net '${graph.name}' has no input '${dataBlob}'`, {
      hint: `its inputs are ${inputs.map((input) => input.name).join(', ')}`,
    })
  }

  // Names of inputs and of each blob's last value are what users know; claim them before any other.
  for (const { name } of inputs) builder.unique(name)
  const names = valueNames(graph, builder)

  const values = new Map<string, Value>(inputs.map((input) => [input.name, input]))
  const included = options.preprocessing !== undefined && (options.includePreprocessing ?? true)
  if (included && options.preprocessing !== undefined) {
    const name = addPreprocessing(builder, dataBlob, dataInput.shape, options.preprocessing)
    values.set(dataBlob, { name, shape: dataInput.shape })
  }

  const batch = dataInput.shape[0]
  graph.layers.forEach((layer, i) => {
    if (layer.type === 'Input') return
    const bottoms = layer.bottoms.map((blob) => bottomOf(values, layer, blob))
    const aliases = new Map<number, string>()
    exportLayer(layer, new LayerContext(builder, layer, bottoms, names[i], weights, batch, aliases))
    layer.tops.forEach((blob, top) => {
      values.set(blob, { name: aliases.get(top) ?? names[i][top], shape: layer.top_shapes[top] })
    })
  })

  const unread = unreadBlobs(graph)
  const outputs = [...values]
    .filter(([blob]) => unread.has(blob))
    .map(([blob, value]) => nameOutput(builder, blob, value, inputs))
  return {
    name: graph.name === '' ? 'net' : graph.name,
    opset: options.opset ?? 13,
    producerVersion: options.producerVersion ?? '',
    docString: `Converted from the Caffe net '${graph.name}'.`,
    nodes: builder.nodes,
    inputs: inputs.map((input) => valueInfo(input, batch)),
    outputs: outputs.map((output) => valueInfo(output, batch)),
    initializers: builder.initializers,
    weightStorage: options.weightStorage ?? 'dense',
    metadata: metadata(
      graph.name,
      dataBlob,
      dataInput.shape,
      included,
      options.preprocessing,
      options.info ?? {},
    ),
  }
}

function inputBlobs(graph: NetGraph): Value[] {
  const inputs = graph.layers
    .filter((layer) => layer.type === 'Input')
    .flatMap((layer) => layer.tops.map((name, i) => ({ name, shape: layer.top_shapes[i] })))
  if (inputs.length > 0) return inputs
  throw new AppError('no-input', `the net '${graph.name}' has no Input layer`, {
    hint: 'export the deploy form of the net',
  })
}

/** A value name for every top. A blob written several times (in place) keeps its own name for the last one computed. */
function valueNames(graph: NetGraph, builder: GraphBuilder): string[][] {
  const inputs = new Set(inputBlobs(graph).map((input) => input.name))
  const last = new Map<string, Layer>()
  for (const layer of graph.layers) {
    for (const blob of layer.tops) if (!isAlias(layer.type) || !last.has(blob)) last.set(blob, layer)
  }
  const ownNames = new Set([...last.keys()].filter((blob) => !inputs.has(blob)))
  for (const blob of ownNames) builder.unique(blob)
  return graph.layers.map((layer) =>
    layer.tops.map((blob) => {
      const keepsName = ownNames.has(blob) && last.get(blob) === layer
      return keepsName || layer.type === 'Input' ? blob : builder.unique(`${blob}/${layer.name}`)
    }),
  )
}

/** Blobs that nobody reads: the outputs of a net, as Caffe takes them. */
function unreadBlobs(graph: NetGraph): Set<string> {
  const unread = new Set<string>()
  for (const layer of graph.layers) {
    for (const blob of layer.bottoms) unread.delete(blob)
    if (layer.type !== 'Input') for (const blob of layer.tops) unread.add(blob)
  }
  if (unread.size > 0) return unread
  throw new AppError('no-output', `the net '${graph.name}' has no output blob`, {
    hint: 'end it in a Softmax layer',
  })
}

/** An output carries its blob's name; where the value has another one (it stands for its bottom), Identity renames it. */
function nameOutput(builder: GraphBuilder, blob: string, value: Value, inputs: Value[]): Value {
  const isInput = (name: string): boolean => inputs.some((input) => input.name === name)
  if (value.name === blob && !isInput(blob)) return value
  if (isInput(blob) && !isInput(value.name)) return value
  const name = isInput(blob) ? builder.unique(`${blob}/output`) : blob
  builder.node(`${blob}/output`, 'Identity', [value.name], [name])
  return { name, shape: value.shape }
}

function bottomOf(values: Map<string, Value>, layer: Layer, blob: string): Bottom {
  const value = values.get(blob)
  if (value !== undefined) return { value: value.name, shape: value.shape }
  throw new AppError(
    'unknown-blob',
    `layer '${layer.name}' reads blob '${blob}', which no layer before it writes`,
    {
      file: layer.at?.file,
      line: layer.at?.line,
      column: layer.at?.column,
    },
  )
}

/** The batch axis is the symbol N; an outermost axis that is no batch in this net stays open under a name of its own. */
function valueInfo({ name, shape }: Value, batch: number): ValueInfoMessage {
  const dim = shape.map((size, axis) => {
    if (axis > 0) return { dim_value: size }
    return { dim_param: size === batch ? 'N' : `N_${name}` }
  })
  return { name, type: { tensor_type: { elem_type: DATA_TYPE.FLOAT, shape: { dim } } } }
}
