// Counting what two models say of the same images; images as the net takes them.

import { expect, it } from 'vitest'

import { Tally } from '../../../main/onnx/classAccuracy'
import { inputPixels, preprocessed } from '../../../main/onnx/images'
import { quantile } from '../../../main/onnx/predict'

it('tells right from wrong by class, and what changed sides', () => {
  const tally = new Tally()
  const images = [
    [1, 1, 1],
    [1, 1, 0],
    [0, 1, 0],
    [0, 2, 1],
    [0, 2, 2],
  ]
  images.forEach(([label, before, after], index) => tally.add({ index, label, before, after }))
  expect(tally.result()).toMatchObject({
    images: 5,
    accuracyBefore: 0.4,
    accuracyAfter: 0.4,
    classes: [
      { label: 0, images: 3, correctBefore: 0, correctAfter: 1 },
      { label: 1, images: 2, correctBefore: 2, correctAfter: 1 },
    ],
    changed: [
      { index: 1, label: 1, before: 1, after: 0 },
      { index: 2, label: 0, before: 1, after: 0 },
    ],
    otherwiseWrong: 1,
  })
})

it('crops the middle, and makes colour of grey and grey of colour', () => {
  const grey = {
    shape: [1, 3, 3] as [number, number, number],
    pixels: Float32Array.from({ length: 9 }, (_, i) => i),
  }
  expect([...inputPixels(grey, [1, 1, 1])]).toEqual([4])
  expect([...inputPixels(grey, [3, 1, 1])]).toEqual([4, 4, 4])
  const blue = { shape: [3, 1, 1] as [number, number, number], pixels: Float32Array.of(255, 0, 0) }
  expect([...inputPixels(blue, [1, 1, 1])]).toEqual([29])
  expect(() => inputPixels(blue, [3, 2, 2])).toThrow(/1 by 1 pixels where the net takes 2 by 2/)
})

it('subtracts the mean and scales as the data layer does', () => {
  const transform = {
    scale: 0.5,
    mirror: false,
    crop_size: 0,
    mean_file: '',
    mean_value: [10, 20],
    force_color: false,
    force_gray: false,
  }
  expect([...preprocessed(Float32Array.of(12, 14, 22, 24), [2, 1, 2], { transform })]).toEqual([1, 2, 1, 2])
})

it('interpolates quantiles', () => {
  expect(quantile([3, 1, 2], 0.5)).toBe(2)
  expect(quantile([1, 2], 0.5)).toBe(1.5)
  expect(quantile([5], 0.1)).toBe(5)
})
