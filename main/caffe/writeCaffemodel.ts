// A trained, pruned net as a binary .caffemodel: V2 layers, one blob in memory at a time.
//
// 'masked' is the form of Dynamic Network Surgery and OLMP: CConvolution and CInnerProduct layers whose blobs are the
// values (pruned ones as trained) followed by their 0/1 masks. 'plain' is stock Caffe's: Convolution and InnerProduct with
// zeros where pruned.

import { rename, rm } from 'node:fs/promises'
import { AppError } from '../net/errors'
import type { Layer, NetGraph, Shape } from '../net/graph'
import { count, isPrunable } from '../net/graph'
import { layerMessage } from './layerMessage'
import type { Segment } from './protobufSegments'
import { byteLength, floatField, lengthDelimited, MAX_MESSAGE_BYTES, writeSegments } from './protobufSegments'
import { BlobProto, LayerParameter, NetParameter } from './proto'

export type CaffemodelFormat = 'masked' | 'plain'

/** Blobs by layer name and blob index, in Caffe's layout. */
export interface BlobSource {
  value: (layer: string, slot: number) => Promise<Float32Array>
  /** 0/1 of a blob of a Convolution or InnerProduct layer; undefined: nothing is pruned. */
  mask: (layer: string, slot: number) => Promise<Float32Array | undefined>
}

/** Field numbers of caffe.proto that are written by hand around the blobs. */
const NET_LAYER = 100
const LAYER_BLOBS = 7
const BLOB_DATA = 5

/** Writes the net's layers with their blobs; the file appears whole or not at all. Returns its size in bytes.
 *  @throws AppError 'model-too-large' from 2 GiB on, 'shape-mismatch' where a blob has another size than the graph says. */
export async function writeCaffemodel(
  graph: NetGraph,
  blobs: BlobSource,
  file: string,
  format: CaffemodelFormat,
): Promise<number> {
  const head = NetParameter.encode({ name: graph.name }).finish()
  const layers = graph.layers.flatMap((layer) =>
    lengthDelimited(NET_LAYER, [
      layerHead(layer, format),
      ...layerBlobs(layer, blobs, format).flatMap((blob) => lengthDelimited(LAYER_BLOBS, blob)),
    ]),
  )
  const segments = [head, ...layers]
  const bytes = byteLength(segments)
  if (bytes > MAX_MESSAGE_BYTES) {
    throw new AppError(
      'model-too-large',
      `the caffemodel would have ${bytes} bytes; the format ends at 2 GiB`,
      {
        file,
        hint: "write it in the 'plain' form, which has no masks",
      },
    )
  }
  const temporary = `${file}.partial`
  try {
    await writeSegments(temporary, segments)
    await rename(temporary, file)
  } finally {
    await rm(temporary, { force: true })
  }
  return bytes
}

function layerHead(layer: Layer, format: CaffemodelFormat): Uint8Array {
  const type = format === 'masked' && isPrunable(layer) ? `C${layer.type}` : layer.type
  return LayerParameter.encode(LayerParameter.fromObject(layerMessage(layer, type))).finish()
}

function layerBlobs(layer: Layer, blobs: BlobSource, format: CaffemodelFormat): Segment[][] {
  const { name, parameters } = layer
  if (!isPrunable(layer)) {
    return parameters.map(({ shape }, slot) => blob(name, slot, shape, () => blobs.value(name, slot)))
  }
  if (format === 'plain') {
    return parameters.map(({ shape }, slot) => blob(name, slot, shape, () => masked(blobs, name, slot)))
  }
  const values = parameters.map(({ shape }, slot) => blob(name, slot, shape, () => blobs.value(name, slot)))
  const masks = parameters.map(({ shape }, slot) =>
    blob(
      name,
      slot,
      shape,
      async () => (await blobs.mask(name, slot)) ?? new Float32Array(count(shape)).fill(1),
    ),
  )
  return [...values, ...masks]
}

async function masked(blobs: BlobSource, layer: string, slot: number): Promise<Float32Array> {
  const values = await blobs.value(layer, slot)
  const mask = await blobs.mask(layer, slot)
  return mask === undefined ? values : values.map((value, i) => (mask[i] === 0 ? 0 : value))
}

/** One BlobProto. */
function blob(layer: string, slot: number, shape: Shape, load: () => Promise<Float32Array>): Segment[] {
  const checked = async (): Promise<Float32Array> => {
    const values = await load()
    if (values.length === count(shape)) return values
    throw new AppError(
      'shape-mismatch',
      `blob ${slot} of layer '${layer}' has ${values.length} values where its shape (${shape.join(', ')}) needs ${count(shape)}`,
      { hint: 'the weights do not belong to this net' },
    )
  }
  return [
    ...floatField(BLOB_DATA, count(shape), checked),
    BlobProto.encode({ shape: { dim: shape } }).finish(),
  ]
}
