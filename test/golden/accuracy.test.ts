// The public reference models on the 10,000 MNIST test images: exactly the accuracy that real Caffe gives, and the
// compression their masks or zeros stand for.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'

import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import { readWeights, releaseWeights } from '../../main/caffe/caffemodel'
import { loadAddon } from '../../main/engine/addon'
import { testRecord } from '../../main/olmp/records'
import { testNet } from '../../main/runs/loopNet'
import { openModel } from '../../main/runs/openModel'
import { weightFileSparsity } from '../../main/runs/sparsity'
import { mnistLmdb } from '../helpers/mnist'
import { haveShared, sharedFile } from '../helpers/shared'

const models: [folder: string, weights: string, kept: number | null, accuracy: number][] = [
  ['lenet5', 'olmp/lenet5/caffe_lenet5_original.caffemodel', 431080, 0.9909],
  ['lenet5', 'olmp/lenet5/compressed_lenet5.caffemodel', 1448, 0.9909],
  ['lenet5', 'dns/lenet5/caffe_lenet5_sparse.caffemodel', 3993, 0.9909],
  ['lenet300100', 'olmp/lenet300100/lenet300100_iter_10000.caffemodel', 266610, 0.9773],
  ['lenet300100', 'olmp/lenet300100/compressed_lenet300100.caffemodel', 2349, 0.9782],
  ['lenet300100', 'dns/lenet300100/caffe_lenet300100_original.caffemodel', 266610, 0.9772],
  ['lenet300100', 'dns/lenet300100/caffe_lenet300100_sparse.caffemodel', 4988, 0.9801],
]

describe.skipIf(!haveShared())('public reference models', () => {
  let cacheFolder = ''
  let dataTest = ''
  beforeAll(async () => {
    cacheFolder = mkdtempSync(path.join(tmpdir(), 'olmp-accuracy-'))
    dataTest = await mnistLmdb(loadAddon(), 'test')
  })
  afterAll(() => rmSync(cacheFolder, { recursive: true, force: true }))

  it.each(models)('%s with %s', async (folder, file, kept, accuracy) => {
    const weights = sharedFile('reference', ...file.split('/'))
    const source = { folder: sharedFile('reference', 'olmp', folder), weights, dataTest }
    const opened = await openModel(source, {
      addon: loadAddon(),
      cacheFolder,
      threads: 1,
      seed: 1,
      device: 'cpu',
      rateEncoding: 'exact',
      needs: { train: false, test: true, weights: true, accuracy: true },
    })
    try {
      const { session, test, testIterations, testImages } = opened
      if (test === null) throw new Error('no test net')
      const values = await session.test(testIterations)
      const record = testRecord(0, { ...testNet(test, session), testImages }, values, 1)
      expect(record).toMatchObject({ accuracy, images: 10000 })

      const stored = await readWeights(weights)
      expect((await weightFileSparsity(stored, session.prunableLayers)).kept).toBe(kept)
      releaseWeights(stored)
    } finally {
      await opened.close()
    }
  })
})
