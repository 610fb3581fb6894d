// Seven rate vectors in a row on the OLMP authors' reference models, against the masks of their fork of Caffe
// (../shared/golden/mask).

import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readFileSync } from 'node:fs'

import { loadAddon } from '../../main/engine/addon'
import type { EngineAddon, Session } from '../../main/engine/binding'
import { leNetGraph, loadReference, type LeNet } from '../helpers/lenet'
import { mnistLmdb } from '../helpers/mnist'
import { digests, haveShared, readSharedJson, sharedFile } from '../helpers/shared'

interface Bits {
  offset: number
  bytes: number
  count: number
}

interface MaskedLayer {
  mask0_before?: number
  mask0_encoded_float32?: number
  mask0_after?: number
  popcount_w: number
  popcount_b: number
  bits_w: Bits
  bits_b: Bits
}

interface MaskGolden {
  layers: string[]
  moments: Record<string, { ncount: number; mu_float64: number; std_float64: number }>
  steps: {
    crates: number[]
    layers: Record<string, MaskedLayer>
    loss: number
    train_batch_accuracy: number
    remain: number
  }[]
  bits_file: string
}

/** As the authors' layers read it back from the first mask element; undefined: no update. */
function decodedRate(rate: number, firstElement: number): number | undefined {
  if (rate < 0) return undefined // the script that made the golden data skips the layer
  const encoded = Math.fround(firstElement === 1 ? 1 + rate : -rate)
  if (encoded === 0 || encoded === 1) return undefined
  return firstElement === 1 ? Math.fround(encoded - 1) : -encoded
}

function hysteresis(mask: Float32Array, values: Float32Array, threshold: number): Float32Array {
  return mask.map((kept, i) => {
    const magnitude = Math.abs(values[i])
    if (kept === 1) return magnitude <= 0.9 * threshold ? 0 : 1
    return magnitude > 1.1 * threshold ? 1 : 0
  })
}

/** numpy.packbits(bitorder='little') */
function unpack(bytes: Uint8Array, { offset, count }: Bits): Float32Array {
  return Float32Array.from({ length: count }, (_, i) => (bytes[offset + (i >> 3)] >> (i & 7)) & 1)
}

/** Whether a magnitude lies where a float's rounding of mu and sigma may decide. */
function nearThreshold(magnitude: number, thresholds: number[], slack: number): boolean {
  return thresholds.some((t) => [0.9 * t, 1.1 * t].some((edge) => Math.abs(magnitude - edge) <= slack * edge))
}

const ones = (count: number): Float32Array => new Float32Array(count).fill(1)
const sum = (values: Float32Array): number => values.reduce((total, value) => total + value, 0)

/** 'tree' sums as exactly as float32 can, 'serial' loses up to 1.3e-4 of sigma in LeNet-5's ip1. */
const cases = (['lenet300100', 'lenet5'] as const).flatMap((net) => [
  { net, summation: 'tree', slack: 1e-6 },
  { net, summation: 'serial', slack: 2e-4 },
])

describe.skipIf(!haveShared())('masks against the authors’ fork', () => {
  let addon: EngineAddon
  let source: string
  const open: Session[] = []

  beforeAll(async () => {
    addon = loadAddon()
    source = await mnistLmdb(addon, 'train')
  })
  afterAll(() => Promise.all(open.map((session) => session.close())))

  async function reference(net: LeNet): Promise<Session> {
    const train = JSON.stringify(leNetGraph(net, 'TRAIN', { source }))
    const session = await addon.createSession({
      train,
      device: 'cpu',
      threads: 1,
      seed: 1,
      rateEncoding: 'mask-element',
    })
    open.push(session)
    await loadReference(session, net)
    return session
  }

  it.each(cases)('$net ($summation sums): moments, masks, counts and losses', async (options) => {
    const { net, summation, slack } = options
    const golden = readSharedJson<MaskGolden>('golden', 'mask', `${net}_${summation}.json`)
    const bits = readFileSync(sharedFile('golden', 'mask', golden.bits_file))
    const session = await reference(net)
    expect(session.prunableLayers).toEqual(golden.layers)

    const moments = await session.computeMoments()
    for (const [index, name] of golden.layers.entries()) {
      const { ncount, mu_float64: mu, std_float64: sigma } = golden.moments[name]
      expect(moments[index].nonzero).toBe(ncount)
      expect(Math.abs(moments[index].mu / mu - 1)).toBeLessThan(1e-12)
      expect(Math.abs(moments[index].sigma / sigma - 1)).toBeLessThan(1e-10)
    }

    const values = await Promise.all(session.parameters.map((_, i) => session.getParameter(i, 'value')))
    const expected = values.map((value) => ones(value.length))
    const seen: number[][] = golden.layers.map(() => [])
    for (const step of golden.steps) {
      for (const [layer, rate] of step.crates.entries()) {
        const decoded = decodedRate(rate, expected[2 * layer][0])
        if (decoded === undefined) continue
        const t = Math.fround(Math.max(moments[layer].mu + decoded * moments[layer].sigma, 0))
        seen[layer].push(t)
        for (const index of [2 * layer, 2 * layer + 1]) {
          expected[index] = hysteresis(expected[index], values[index], t)
        }
      }
      await session.setRates(Float64Array.from(step.crates))
      await session.remask(golden.layers.map((_, layer) => layer))

      const counts = await session.keptCounts()
      let differing = 0
      for (const [layer, name] of golden.layers.entries()) {
        const theirs = step.layers[name]
        for (const [slot, place] of [theirs.bits_w, theirs.bits_b].entries()) {
          const index = 2 * layer + slot
          const mask = await session.getParameter(index, 'mask')
          expect(digests([mask]), `${name}, blob ${slot}`).toEqual(digests([expected[index]]))
          const kept = slot === 0 ? counts[layer].keptWeights : counts[layer].keptBiases
          expect(kept).toBe(sum(mask))
          const theirMask = unpack(bits, place)
          for (let i = 0; i < mask.length; i++) {
            if (mask[i] === theirMask[i]) continue
            differing++
            expect(nearThreshold(Math.abs(values[index][i]), seen[layer], slack)).toBe(true)
          }
        }
      }
      const kept = counts.reduce((total, layer) => total + layer.keptWeights + layer.keptBiases, 0)
      expect(Math.abs(kept - step.remain)).toBeLessThanOrEqual(differing)

      const [accuracy, loss] = await session.forwardTrainBatch()
      if (differing === 0) {
        expect(accuracy).toBeCloseTo(step.train_batch_accuracy, 6)
        expect(Math.abs(loss / step.loss - 1)).toBeLessThan(2e-5)
      } else {
        expect(Math.abs(accuracy - step.train_batch_accuracy)).toBeLessThanOrEqual(2 / 64)
        expect(Math.abs(loss / step.loss - 1)).toBeLessThan(5e-3)
      }
    }
  })

  it.each(['lenet300100', 'lenet5'] as const)('%s: evaluates candidates on the same batch', async (net) => {
    const golden = readSharedJson<MaskGolden>('golden', 'mask', `${net}_tree.json`)
    const session = await reference(net)
    await session.computeMoments()
    const rates = Float64Array.from(golden.steps.flatMap(({ crates }) => crates))

    const sequential = await session.evaluateRates(rates, 'sequential')
    expect(sequential.loss.length).toBe(golden.steps.length)
    const counts = await session.keptCounts()
    const kept = counts.reduce((total, layer) => total + layer.keptWeights + layer.keptBiases, 0)
    expect(sequential.kept.at(-1)).toBe(kept)
    for (const [index, step] of golden.steps.entries()) {
      expect(Math.abs(sequential.kept[index] / step.remain - 1)).toBeLessThan(1e-4)
      expect(Math.abs(sequential.accuracy[index] - step.train_batch_accuracy)).toBeLessThanOrEqual(1 / 64)
    }

    const masks = async () =>
      digests(await Promise.all(session.parameters.map((_, i) => session.getParameter(i, 'mask'))))
    const before = await masks()
    const lossBefore = await session.forwardTrainBatch()
    const independent = await session.evaluateRates(rates, 'independent')
    expect(await masks()).toEqual(before)
    expect(await session.keptCounts()).toEqual(counts)
    expect(await session.forwardTrainBatch()).toEqual(lossBefore)
    // each candidate alone gives what it gave among the others
    for (const [index, step] of golden.steps.entries()) {
      const alone = await session.evaluateRates(Float64Array.from(step.crates), 'independent')
      expect(alone.loss[0]).toBe(independent.loss[index])
      expect(alone.kept[0]).toBe(independent.kept[index])
    }
  })
})
