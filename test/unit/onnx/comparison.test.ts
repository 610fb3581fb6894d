import { expect, test } from 'vitest'
import { ScoreComparison, softmax } from '../../../main/onnx/comparison'

const layout = { classes: 3, positions: 1 }

test('a tie with the true class counts as wrong, as in Caffe', () => {
  const comparison = new ScoreComparison(layout)
  const tied = Float32Array.of(1, 1, 0)
  comparison.add(tied, Float32Array.of(1, 1 + 1e-6, 0), Float32Array.of(1), 1)
  expect(comparison.accuracyEngine).toBe(0)
  expect(comparison.accuracyOnnx).toBe(1)
  expect(comparison.agreement).toBe(0)
  expect(comparison.maxAbsDiff).toBeCloseTo(1e-6, 7)
})

test('items beyond the count are not looked at', () => {
  const comparison = new ScoreComparison(layout)
  comparison.add(Float32Array.of(3, 2, 1, 9, 9, 9), Float32Array.of(3, 2, 1), Float32Array.of(0, 0), 1)
  expect(comparison.maxAbsDiff).toBe(0)
  expect(comparison.accuracyEngine).toBe(1)
})

test('classes of maps lie `positions` apart', () => {
  const comparison = new ScoreComparison({ classes: 2, positions: 2 })
  const scores = Float32Array.of(1, 0, 0, 1)
  comparison.add(scores, scores, Float32Array.of(0, 0), 1)
  expect(comparison.accuracyEngine).toBe(0.5)
})

test('ignored labels count in no accuracy, labels without a class count as wrong', () => {
  const comparison = new ScoreComparison({ classes: 2, positions: 1, ignoreLabel: 255 })
  const scores = Float32Array.of(1, 0, 1, 0, 1, 0)
  comparison.add(scores, scores, Float32Array.of(0, 255, 7), 3)
  expect(comparison.accuracyEngine).toBe(0.5)
})

test('a NaN is a difference without bound', () => {
  const comparison = new ScoreComparison(layout)
  comparison.add(Float32Array.of(1, 0, 0), Float32Array.of(NaN, 0, 0), Float32Array.of(0), 1)
  expect(comparison.maxAbsDiff).toBe(Infinity)
})

test('softmax of large scores', () => {
  expect([...softmax(Float32Array.of(1000, 1000, -1000), layout)]).toEqual([0.5, 0.5, 0])
})
