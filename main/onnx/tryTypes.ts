// Single images through exported models, in plain JSON and typed arrays. Shared with the window through preload/contract.

import type { Transform } from '../net/graph'

/** What the exported models of a project take and give. */
export interface TryNet {
  /** (C, H, W) of the data input */
  inputShape: [number, number, number]
  input: string
  /** From pixels to what the first layer reads. */
  transform: Transform
  /** Class names in label order; null where the folder has none. */
  classes: string[] | null
  /** The test data: an LMDB folder; null where there is none. */
  dataset: { folder: string; entries: number; shape: [number, number, number] } | null
}

export interface TryImage {
  index: number
  label: number
  /** (C, H, W) of the net's input, 0..255, before mean and scale; colour as BGR. */
  pixels: Float32Array
}

/** A small picture of an image of the test set. */
export interface Thumbnail {
  index: number
  width: number
  height: number
  /** RGBA, 8 bits each, row by row. */
  pixels: Uint8Array<ArrayBuffer>
}

export type OutputPrediction =
  /** One value per class; `probabilities` where they are a Softmax's. */
  | { name: string; kind: 'classes'; probabilities: boolean; top: { label: number; value: number }[] }
  /** Anything else: its shape and range. */
  | { name: string; kind: 'values'; shape: number[]; least: number; greatest: number; mean: number }

export interface Prediction {
  outputs: OutputPrediction[]
  /** Median of `repetitions` runs of onnxruntime on this image, on one thread. */
  latencyMs: number
  repetitions: number
}

export interface TryAnswer {
  /** What the net's first layer reads: after mean and scale. (C, H, W) of TryNet.inputShape. */
  seen: Float32Array
  original: Prediction
  pruned: Prediction | null
}

/** Both models over the whole test set. */
export interface ClassAccuracy {
  images: number
  accuracyBefore: number
  accuracyAfter: number
  /** By label, ascending. */
  classes: { label: number; images: number; correctBefore: number; correctAfter: number }[]
  /** Images for which one of the two is right and the other wrong, in order. */
  changed: ChangedImage[]
  /** Both wrong, but with different classes. */
  otherwiseWrong: number
  /** ISO 8601 */
  measuredAt: string
}

export interface ChangedImage {
  index: number
  label: number
  before: number
  after: number
}
