// Caffe's HDF5 snapshots: /data/<layer>/<blob> in weights; /iter, /learned_net, /current_step, /history/<n> in states.
// Values are copied out, because an HDF5 dataset need not lie in one piece.

import h5wasm, { Dataset, type File as Hdf5File, Group } from 'h5wasm/node'
import { AppError } from '../net/errors'
import { count } from '../net/graph'
import type { ReadOptions, SolverStateFile, WeightBlob, WeightFile, WeightLayer } from './model'
import { ValueStore } from './valueStore'

// elements copied at once
const chunkElements = 1 << 20

function numericOrder(a: string, b: string): number {
  return Number(a) - Number(b)
}

function copyDataset(dataset: Dataset, what: string, store: ValueStore, path: string): WeightBlob {
  const shape = dataset.shape ?? []
  const { dtype } = dataset
  if (dtype !== '<f' && dtype !== '<d') {
    const found = typeof dtype === 'string' ? `'${dtype}'` : 'a compound type'
    throw new AppError('corrupt-file', `${what} is not of floats but of ${found}`, { file: path })
  }
  const total = count(shape)
  const writer = store.create()
  try {
    const put = (values: unknown): number => {
      if (!(values instanceof Float32Array) && !(values instanceof Float64Array)) {
        throw new AppError('corrupt-file', `${what} cannot be read as floats`, { file: path })
      }
      writer.write(new Uint8Array(values.buffer, values.byteOffset, values.byteLength))
      return values.length
    }
    let written = 0
    if (shape.length === 0) {
      const { value } = dataset
      written = put(dtype === '<f' ? Float32Array.of(Number(value)) : Float64Array.of(Number(value)))
    } else {
      const rowElements = Math.max(1, total / Math.max(1, shape[0]))
      const rows = Math.max(1, Math.floor(chunkElements / rowElements))
      for (let row = 0; row < shape[0]; row += rows) {
        written += put(dataset.slice([[row, Math.min(shape[0], row + rows)]]))
      }
    }
    if (written !== total) throw new AppError('corrupt-file', `${what} ends early`, { file: path })
  } finally {
    writer.close()
  }
  return {
    shape,
    legacy: false,
    count: total,
    file: writer.file,
    offsetBytes: 0,
    type: dtype === '<f' ? 'float32' : 'float64',
  }
}

async function withHdf5<T>(
  path: string,
  options: ReadOptions,
  read: (file: Hdf5File, store: ValueStore) => T,
): Promise<T> {
  // errors as exceptions: libhdf5 would print them
  ;(await h5wasm.ready).activate_throwing_error_handler()
  const store = new ValueStore(options.cacheFolder)
  let file: Hdf5File | null = null
  try {
    file = new h5wasm.File(path, 'r')
    return read(file, store)
  } catch (cause) {
    store.remove()
    if (cause instanceof AppError) throw cause
    throw new AppError('corrupt-file', 'this HDF5 file cannot be read', {
      file: path,
      hint: 'the file is damaged or was not fully copied',
      cause,
    })
  } finally {
    file?.close()
  }
}

function datasets(group: Group, what: string, store: ValueStore, path: string): WeightBlob[] {
  return group
    .keys()
    .sort(numericOrder)
    .map((key) => {
      const dataset = group.get(key)
      if (!(dataset instanceof Dataset)) {
        throw new AppError('corrupt-file', `'${key}' of ${what} is not a dataset`, { file: path })
      }
      return copyDataset(dataset, `blob ${key} of ${what}`, store, path)
    })
}

export function readHdf5Weights(path: string, options: ReadOptions): Promise<WeightFile> {
  return withHdf5(path, options, (file, store) => {
    const data = file.get('data')
    if (!(data instanceof Group)) {
      throw new AppError('not-a-caffemodel', `there is no group 'data' in this HDF5 file`, { file: path })
    }
    const names = data.keys()
    const layers: WeightLayer[] = names.map((name, i) => {
      const group = data.get(name)
      const blobs = group instanceof Group ? datasets(group, `layer '${name}'`, store, path) : []
      options.onProgress?.(i + 1, names.length)
      return { name, type: '', blobs }
    })
    return { file: path, format: 'hdf5', name: '', layers, temporaryFolder: store.path }
  })
}

function scalar(file: Hdf5File, name: string): string | undefined {
  const dataset = file.keys().includes(name) ? file.get(name) : null
  return dataset instanceof Dataset ? String(dataset.value) : undefined
}

export function readHdf5SolverState(path: string, options: ReadOptions): Promise<SolverStateFile> {
  return withHdf5(path, options, (file, store) => {
    const iter = Number(scalar(file, 'iter'))
    const history = file.get('history')
    if (!Number.isInteger(iter) || !(history instanceof Group)) {
      throw new AppError('not-a-solverstate', `there is no 'iter' or 'history' in this HDF5 file`, {
        file: path,
      })
    }
    return {
      file: path,
      iter,
      learnedNet: scalar(file, 'learned_net') ?? '',
      currentStep: Number(scalar(file, 'current_step') ?? 0),
      history: datasets(history, 'the history', store, path),
      temporaryFolder: store.path,
    }
  })
}
