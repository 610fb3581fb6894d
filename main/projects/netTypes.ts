// What is told of a net's layers: the graph, excerpts of weights and masks, sensitivity. Plain data for the window.

import type { NetGraph } from '../net/graph'

/** The phases of a model folder that can be shown; DEPLOY is the net as it is used after training. */
export type NetPhase = 'TRAIN' | 'TEST' | 'DEPLOY'

export interface ShownNet {
  phase: NetPhase
  /** Those the folder has. */
  phases: NetPhase[]
  graph: NetGraph
  /** Names of the layers OLMP can prune. */
  prunable: string[]
}

/** A layer's values and masks, small enough to draw. */
export interface LayerWeights {
  layer: string
  /** Whose: null for the reference model. */
  checkpoint: { runId: string; name: string; iteration: number } | null
  weights: number
  biases: number
  keptWeights: number
  keptBiases: number
  /** Mean and population standard deviation of |w| over the reference model's nonzero weights and biases. */
  mu: number
  sigma: number
  /** crate c in force or looked ahead with, and the threshold t = max(mu + c sigma, 0); null where nothing is pruned. */
  rate: number | null
  threshold: number | null
  histogram: WeightHistogram
  mask: MaskPicture
}

/** Weights and biases together, as the threshold sees them: equal bins from -limit to limit. */
export interface WeightHistogram {
  limit: number
  counts: Uint32Array
  /** Of them, those kept. */
  kept: Uint32Array
}

/** Which weights are kept. Tiles stand in rows (outputs) and columns (inputs of a group); an inner product's tile is one
 *  weight, a convolution's is one kernel. */
export interface MaskPicture {
  rows: number
  columns: number
  /** (rows, columns) of a tile. */
  tile: [number, number]
  /** 'weights': one bit per weight, tile after tile, most significant bit first. 'blocks': one byte per cell, 0..255 of
   *  its weights kept, where there are too many weights to draw; a cell stands for `block` tiles. */
  kind: 'weights' | 'blocks'
  /** Tiles (down, across) in a cell; (1, 1) for 'weights'. */
  block: [number, number]
  cells: Uint8Array
}

export interface SensitivityPoint {
  /** crate c of this layer; the other layers are not pruned. */
  rate: number
  /** Weights and biases of the layer kept, 0..1. */
  density: number
  /** Of the test images measured, 0..1. */
  accuracy: number
}

export interface LayerSensitivity {
  layer: string
  /** In order of rising rate. */
  points: SensitivityPoint[]
}

/** What a file of weights is known by. */
export interface WeightsIdentity {
  file: string
  bytes: number
  modifiedMs: number
}

export interface Sensitivity {
  formatVersion: 1
  weights: WeightsIdentity
  /** ISO 8601 */
  measured: string
  /** Test images measured on, the first so many of the set. */
  images: number
  testImages: number
  /** Of the model as it is, on the same images. */
  referenceAccuracy: number
  layers: LayerSensitivity[]
}

export interface SensitivityProgress {
  /** Tests done and to be done. */
  done: number
  total: number
  /** Curves so far. */
  images: number
  referenceAccuracy: number
  layers: LayerSensitivity[]
}

export interface SensitivityState {
  projectId: string
  /** The last one measured to its end. */
  result: Sensitivity | null
  /** The weights have changed since. */
  outdated: boolean
  /** Of the one under way: null where none is; 'preparing' until the first test. */
  progress: SensitivityProgress | 'preparing' | null
}
