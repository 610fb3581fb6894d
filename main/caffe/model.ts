// What an import gives: everything found in a model folder, and what is missing or assumed.

import type { NetGraph, Shape, SolverSpec } from '../net/graph'
import type { DatumSetInfo } from '../engine/binding'
import type { Note } from './build/context'
import type { DataStatement } from './build/sources'

export type { Note } from './build/context'

/** For the readers of weight files. */
export interface ReadOptions {
  /** Where values that cannot be read in place are put; the system's temporary folder by default. */
  cacheFolder?: string
  onProgress?: (bytes: number, total: number) => void
}

/** A stored blob and where its values lie: little-endian floats, contiguous. */
export interface WeightBlob {
  shape: Shape
  /** Written as num, channels, height, width: leading ones are padding (Blob::ShapeEquals). */
  legacy: boolean
  count: number
  file: string
  offsetBytes: number
  type: 'float32' | 'float64'
}

export interface WeightLayer {
  name: string
  /** Today's type name; '' in HDF5 files, which have none. */
  type: string
  blobs: WeightBlob[]
}

export interface WeightFile {
  file: string
  format: 'binaryproto' | 'hdf5'
  /** The net's name, '' where none is stored. */
  name: string
  layers: WeightLayer[]
  /** Folder of values that had to be unpacked; null where all are read in place. See releaseWeights(). */
  temporaryFolder: string | null
}

export interface SolverStateFile {
  file: string
  iter: number
  /** Path of the weights belonging to it, as stated. */
  learnedNet: string
  currentStep: number
  /** In the order of the net's learnable parameters. */
  history: WeightBlob[]
  temporaryFolder: string | null
}

export interface FileChoice {
  chosen: string | null
  candidates: { file: string; reason: string }[]
}

export type FileRole = 'net' | 'deploy' | 'solver' | 'weights' | 'solverstate' | 'mean'

export interface ImportedData {
  phase: 'TRAIN' | 'TEST'
  layer: string
  backend: DataStatement['backend']
  /** As the prototxt states it. */
  statedSource: string
  /** Folder found, or null: to be remapped. */
  resolved: string | null
  info: DatumSetInfo | null
}

export interface ImportedModel {
  name: string
  folder: string
  files: Record<FileRole, FileChoice>
  train: NetGraph | null
  test: NetGraph | null
  deploy: NetGraph | null
  solver: SolverSpec | null
  weights: WeightFile | null
  data: ImportedData[]
  notes: Note[]
}
