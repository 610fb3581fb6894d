// Trained weights: names, types and shapes of a .caffemodel, and where each blob's values lie. The values themselves are
// never loaded, so that a file of any size is read with the memory of one window. Also .solverstate and mean images.

import { rmSync } from 'node:fs'
import { AppError } from '../net/errors'
import { BinaryFile, type WireField } from './binaryFile'
import { readBlob } from './blobs'
import { isHdf5 } from './hdf5Signature'
import type { ReadOptions, SolverStateFile, WeightBlob, WeightFile, WeightLayer } from './model'
import { caffeRoot } from './proto'
import { v2TypeName } from './upgrade'
import { v1EnumName } from './upgradeV0'
import { ValueStore } from './valueStore'

interface LayerNumbers {
  name: number
  type: number
  blobs: number
}

// field numbers of schema/layers.ts and schema/legacy.ts
const v2Layer = 100
const v1Layer = 2
const v2Numbers: LayerNumbers = { name: 1, type: 2, blobs: 7 }
const v1Numbers: LayerNumbers = { name: 4, type: 5, blobs: 6 }
const v0Numbers: LayerNumbers = { name: 1, type: 2, blobs: 50 }
const v0WithinV1 = 1

// far beyond any net; keeps a damaged file from filling the memory with empty layers
const maxLayers = 1 << 16
const maxBlobs = 1 << 10

const v1Types = caffeRoot.lookupEnum('caffe.V1LayerParameter.LayerType')

function layerType(file: BinaryFile, field: WireField): string {
  if (field.wire === 0) return v2TypeName(v1Types.valuesById[field.value] ?? '') ?? `type ${field.value}`
  const written = file.string(field)
  return v2TypeName(v1EnumName(written) ?? '') ?? written
}

function readLayer(file: BinaryFile, outer: WireField, store: ValueStore, index: number): WeightLayer {
  const layer: WeightLayer = { name: '', type: '', blobs: [] }
  const blobFields: WireField[] = []
  const visit = (start: number, end: number, numbers: LayerNumbers): void => {
    for (const field of file.fields(start, end)) {
      if (numbers === v1Numbers && field.number === v0WithinV1 && field.wire === 2) {
        visit(field.start, field.end, v0Numbers)
      } else if (field.number === numbers.name && field.wire === 2) {
        layer.name = file.string(field)
      } else if (field.number === numbers.type) {
        layer.type = layerType(file, field)
      } else if (field.number === numbers.blobs && field.wire === 2) {
        if (blobFields.length === maxBlobs)
          file.corrupt(`a layer of more than ${maxBlobs} blobs`, outer.offset)
        blobFields.push(field)
      }
    }
  }
  visit(outer.start, outer.end, outer.number === v2Layer ? v2Numbers : v1Numbers)
  // the name may come behind the blobs
  const title = layer.name === '' ? `layer ${index + 1}` : `layer '${layer.name}'`
  layer.blobs = blobFields.map((blob, i) =>
    readBlob(file, blob.start, blob.end, `blob ${i} of ${title}`, store),
  )
  return layer
}

function withFile<T>(
  path: string,
  options: ReadOptions,
  read: (file: BinaryFile, store: ValueStore) => T,
): T {
  const file = new BinaryFile(path)
  const store = new ValueStore(options.cacheFolder)
  try {
    return read(file, store)
  } catch (error) {
    store.remove()
    throw error
  } finally {
    file.close()
  }
}

function readBinaryWeights(path: string, options: ReadOptions): WeightFile {
  return withFile(path, options, (file, store) => {
    const layers: WeightLayer[] = []
    let name = ''
    for (const field of file.fields(0, file.size)) {
      if (field.number === 1 && field.wire === 2) name = file.string(field)
      if ((field.number === v2Layer || field.number === v1Layer) && field.wire === 2) {
        if (layers.length === maxLayers) file.corrupt(`more than ${maxLayers} layers`, field.offset)
        layers.push(readLayer(file, field, store, layers.length))
      }
      options.onProgress?.(field.end, file.size)
    }
    if (layers.length === 0) {
      throw new AppError('not-a-caffemodel', 'there are no layers in this file', {
        file: path,
        hint: file.size === 0 ? 'it is empty' : 'choose a .caffemodel or .caffemodel.h5 file',
      })
    }
    return { file: path, format: 'binaryproto', name, layers, temporaryFolder: store.path }
  })
}

/** Reads the index of a .caffemodel (V0, V1 or V2 layers) or .caffemodel.h5.
 *  Throws AppError 'unreadable-file', 'truncated-file', 'corrupt-file' or 'not-a-caffemodel'. */
export async function readWeights(path: string, options: ReadOptions = {}): Promise<WeightFile> {
  if (isHdf5(path)) return (await import('./hdf5')).readHdf5Weights(path, options)
  return readBinaryWeights(path, options)
}

/** Reads a .solverstate or .solverstate.h5. Same errors; 'not-a-solverstate' where it holds no iteration. */
export async function readSolverState(path: string, options: ReadOptions = {}): Promise<SolverStateFile> {
  if (isHdf5(path)) return (await import('./hdf5')).readHdf5SolverState(path, options)
  return withFile(path, options, (file, store) => {
    const state: SolverStateFile = {
      file: path,
      iter: -1,
      learnedNet: '',
      currentStep: 0,
      history: [],
      temporaryFolder: null,
    }
    for (const field of file.fields(0, file.size)) {
      if (field.number === 1 && field.wire === 0) state.iter = field.value
      else if (field.number === 2 && field.wire === 2) state.learnedNet = file.string(field)
      else if (field.number === 4 && field.wire === 0) state.currentStep = field.value
      else if (field.number === 3 && field.wire === 2) {
        state.history.push(
          readBlob(file, field.start, field.end, `history blob ${state.history.length}`, store),
        )
      }
      options.onProgress?.(field.end, file.size)
    }
    if (state.iter < 0) {
      throw new AppError('not-a-solverstate', 'there is no iteration number in this file', { file: path })
    }
    return { ...state, temporaryFolder: store.path }
  })
}

/** Reads a mean image (BlobProto). Shape without the leading 1 of legacy files: (C, H, W). */
export async function readMean(path: string, options: ReadOptions = {}): Promise<WeightBlob> {
  return withFile(path, options, (file, store) => {
    const blob = readBlob(file, 0, file.size, 'the mean image', store)
    const shape = blob.shape.length === 4 && blob.shape[0] === 1 ? blob.shape.slice(1) : blob.shape
    if (shape.length !== 3 || blob.count === 0) {
      throw new AppError(
        'not-a-mean-image',
        `a mean image has the axes (C, H, W), this is (${shape.join(', ')})`,
        {
          file: path,
        },
      )
    }
    return { ...blob, shape, legacy: false }
  })
}

/** Removes what reading had to unpack. The placements made from it are void then. */
export function releaseWeights(weights: { temporaryFolder: string | null }): void {
  if (weights.temporaryFolder !== null) rmSync(weights.temporaryFolder, { recursive: true, force: true })
}
