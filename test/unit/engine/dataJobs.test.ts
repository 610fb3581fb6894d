// Looking at data: MNIST's images, its classes, and what a small real net makes of them.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import { classBalance, parts } from '../../../main/engine/jobs/classBalance'
import { dataPreview, predictImages, previewImage } from '../../../main/engine/jobs/dataPreview'
import { referenceAccuracy } from '../../../main/engine/jobs/referenceAccuracy'
import { testRecord } from '../../../main/olmp/records'
import { testNet } from '../../../main/runs/loopNet'
import { openModel } from '../../../main/runs/openModel'
import { mnistLmdb } from '../../helpers/mnist'
import { engineOrSkip, makeTinyModel } from '../runs/tinyModel'

const addon = engineOrSkip()

describe('a preview image', () => {
  const pixelOf = (shape: [number, number, number], pixels: number[]) => [
    ...previewImage({ shape, label: 3, pixels: Float32Array.from(pixels) }, 7).pixels,
  ]

  it('turns BGR, as Caffe stores colour, into RGB', () => {
    expect(pixelOf([3, 1, 1], [10, 20, 30])).toEqual([30, 20, 10, 255])
  })

  it('stretches float datums from their least to their greatest', () => {
    expect(pixelOf([1, 1, 2], [-1, 1])).toEqual([0, 0, 0, 255, 255, 255, 255, 255])
  })

  it('makes a large one small by the means of blocks', () => {
    const pixels = Array.from({ length: 200 * 150 }, (_, i) => (i % 2 === 0 ? 0 : 100))
    const image = previewImage({ shape: [1, 150, 200], label: 0, pixels: Float32Array.from(pixels) }, 0)
    expect([image.width, image.height]).toEqual([100, 75])
    expect(image.pixels[0]).toBe(50)
  })
})

describe('the parts of a sample', () => {
  it('are the whole of a small set', () => {
    expect(parts(10, 10)).toEqual([{ start: 0, length: 10 }])
  })

  it('are spread from the first to the last image of a large one, apart', () => {
    const found = parts(1_281_167, 5000)
    expect(found[0].start).toBe(0)
    const last = found[found.length - 1]
    expect(last.start + last.length).toBe(1_281_167)
    expect(found.reduce((sum, { length }) => sum + length, 0)).toBe(5000)
    expect(found.every((part, i) => i === 0 || part.start >= found[i - 1].start + found[i - 1].length)).toBe(
      true,
    )
  })
})

describe.skipIf(addon === null)('jobs on data', () => {
  if (addon === null) return
  const root = mkdtempSync(join(tmpdir(), 'olmp-data-'))
  const source = { folder: join(root, 'model') }
  const options = { addon, cacheFolder: join(root, 'cache'), threads: 1 }
  const control = (
    stopper = new AbortController(),
    onProgress: (fraction: number) => void = () => undefined,
  ) => ({
    onProgress,
    signal: stopper.signal,
  })
  let test = ''

  beforeAll(async () => {
    test = await mnistLmdb(addon, 'test')
    await makeTinyModel(addon, source.folder)
  })
  afterAll(() => rmSync(root, { recursive: true, force: true }))

  it('shows images of MNIST with their labels', async () => {
    const { entries, shape, images } = await dataPreview(addon, { dataset: test, start: 9998, count: 5 })
    expect([entries, shape]).toEqual([10_000, [1, 28, 28]])
    // the last labels of t10k-labels-idx1-ubyte
    expect(images.map(({ index, label }) => [index, label])).toEqual([
      [9998, 5],
      [9999, 6],
    ])
    expect(Math.max(...images[0].pixels.filter((_, i) => i % 4 === 0))).toBeGreaterThan(200)
  })

  it('says which folder holds no dataset', async () => {
    const folder = join(root, 'no-dataset')
    mkdirSync(folder)
    writeFileSync(join(folder, 'data.mdb'), 'no database')
    await expect(dataPreview(addon, { dataset: folder, start: 0, count: 1 })).rejects.toMatchObject({
      name: 'AppError',
      file: expect.stringContaining(folder),
    })
  })

  it('counts the classes of the whole test set', async () => {
    const told: number[] = []
    const balance = await classBalance(
      addon,
      test,
      control(undefined, (fraction) => told.push(fraction)),
    )
    // Of MNIST's test set, as its authors count them.
    expect(balance.classes.map(({ images }) => images)).toEqual([
      980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009,
    ])
    expect([balance.counted, balance.entries, told.at(-1)]).toEqual([10_000, 10_000, 1])
  })

  it('ends early when it is told to', async () => {
    const stopper = new AbortController()
    const work = classBalance(
      addon,
      test,
      control(stopper, () => stopper.abort()),
    )
    await expect(work).rejects.toMatchObject({ code: 'cancelled' })
  })

  it('measures the accuracy that one test of the whole set gives', async () => {
    const told: number[] = []
    const measured = await referenceAccuracy(
      source,
      options,
      control(undefined, (part) => told.push(part)),
    )
    const opened = await openModel(source, {
      ...options,
      device: 'cpu',
      seed: 0,
      rateEncoding: 'exact',
      needs: { train: false, test: true, weights: true, accuracy: true },
    })
    try {
      if (opened.test === null) throw new Error('no test net')
      const net = { ...testNet(opened.test, opened.session), testImages: opened.testImages }
      const { accuracy, loss } = testRecord(0, net, await opened.session.test(opened.testIterations), 1)
      expect(measured).toMatchObject({ accuracy, images: 10_000, initialised: [] })
      expect(measured.loss).toBeCloseTo(loss, 10)
    } finally {
      await opened.close()
    }
    expect(told.length).toBeGreaterThan(10)
    expect(told.at(-1)).toBe(1)
  })

  it('stops a measurement', async () => {
    const stopper = new AbortController()
    const work = referenceAccuracy(
      source,
      options,
      control(stopper, () => stopper.abort()),
    )
    await expect(work).rejects.toMatchObject({ code: 'cancelled' })
  })

  it('predicts what the test net gets right', async () => {
    const images = await dataPreview(addon, { dataset: test, start: 0, count: 1000 })
    const predicted = await predictImages(source, { phase: 'TEST', start: 0, count: 1000 }, options)
    const right = predicted.filter(({ label }, i) => label === images.images[i].label).length
    expect(predicted).toHaveLength(1000)
    expect(predicted.every(({ probability }) => probability !== null && probability > 0.1)).toBe(true)

    const opened = await openModel(source, {
      ...options,
      device: 'cpu',
      seed: 0,
      rateEncoding: 'exact',
      needs: { train: false, test: true, weights: true, accuracy: true },
    })
    try {
      if (opened.test === null) throw new Error('no test net')
      const batches = 1000 / (opened.testImages / opened.testIterations)
      const { testAccuracy } = testNet(opened.test, opened.session)
      expect(right / 1000).toBeCloseTo((await opened.session.test(batches))[testAccuracy], 6)
    } finally {
      await opened.close()
    }
  })
})
