// What the engine's numbers say, as records of a run.

import type { KeptCounts } from '../engine/binding'
import type { IterationRecord, TestRecord } from '../runs/types'

/** Weights and biases of all prunable layers. */
export function totalParameters(counts: KeptCounts[]): number {
  return counts.reduce((sum, { weights, biases }) => sum + weights + biases, 0)
}

export function keptParameters(counts: KeptCounts[]): number {
  return counts.reduce((sum, { keptWeights, keptBiases }) => sum + keptWeights + keptBiases, 0)
}

/** Weights and biases kept over all, of each layer. */
export function densitiesOf(counts: KeptCounts[]): number[] {
  return counts.map(
    ({ weights, biases, keptWeights, keptBiases }) =>
      (keptWeights + keptBiases) / Math.max(1, weights + biases),
  )
}

/** `rows` as in TrainResult: outputs, total loss, learning rate. */
export function iterationRecords(
  rows: Float64Array,
  outputs: number,
  accuracyOutput: number,
  firstIteration: number,
  compression: number,
): IterationRecord[] {
  const width = outputs + 2
  return Array.from({ length: rows.length / width }, (_, i) => ({
    iteration: firstIteration + i,
    loss: rows[i * width + outputs],
    accuracy: accuracyOutput < 0 ? Number.NaN : rows[i * width + accuracyOutput],
    learningRate: rows[i * width + outputs + 1],
    compression,
  }))
}

/** An accuracy averaged over batches in floating point, as the whole number of images it stands for. Accuracies of
 *  anything but whole images (per class, per pixel) stay as they are. */
export function accuracyOf(mean: number, images: number): number {
  const correct = Math.round(mean * images)
  return Math.abs(mean * images - correct) < 1e-2 ? correct / images : mean
}

export interface TestFacts {
  testAccuracy: number
  testLoss: number
  testImages: number
}

export function testRecord(
  iteration: number,
  { testAccuracy, testLoss, testImages }: TestFacts,
  values: Float64Array,
  compression: number,
): TestRecord {
  return {
    iteration,
    accuracy: testAccuracy < 0 ? Number.NaN : accuracyOf(values[testAccuracy], testImages),
    loss: testLoss < 0 ? Number.NaN : values[testLoss],
    compression,
    images: testImages,
  }
}
