// 20 SGD steps against real Caffe, from the OLMP authors' reference models (../shared/golden/train).

import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { spawnSync } from 'node:child_process'

import { loadAddon } from '../../main/engine/addon'
import type { EngineAddon, Session } from '../../main/engine/binding'
import { leNetGraph, leNetSolver, loadReference, type LeNet } from '../helpers/lenet'
import { mnistLmdb } from '../helpers/mnist'
import { haveShared, projectRoot, readSharedFloats, readSharedJson } from '../helpers/shared'

interface TrainGolden {
  loss: number[]
  accuracy: number[]
  weight_l2_per_step: number[][]
  step0_gradient_bin?: string
  final_weights_bin?: string
}

// golden/README.md: other BLAS kernels or two threads change losses by 3.5e-6 and norms by 7e-8
const lossTolerance = 2e-5
const normTolerance = 1e-6
const valueTolerance = 1e-5

function norm(values: Float32Array): number {
  return Math.sqrt(values.reduce((sum, value) => sum + value * value, 0))
}

function relativeError(actual: number, expected: number): number {
  return Math.abs(actual - expected) / Math.max(Math.abs(expected), 1e-30)
}

/** Largest difference over max(1, largest magnitude). */
function error(actual: Float32Array, expected: Float32Array): number {
  expect(actual.length).toBe(expected.length)
  let largest = 1
  let difference = 0
  for (let i = 0; i < actual.length; i++) {
    largest = Math.max(largest, Math.abs(expected[i]))
    difference = Math.max(difference, Math.abs(actual[i] - expected[i]))
  }
  return difference / largest
}

/** The whole .f32 file cut by the parameters' sizes. */
function perParameter(session: Session, whole: Float32Array): Float32Array[] {
  let start = 0
  return session.parameters.map(({ shape }) => {
    const size = shape.reduce((product, dim) => product * dim, 1)
    return whole.subarray(start, (start += size))
  })
}

async function setMasksToOne(session: Session): Promise<void> {
  for (const [index, { prunable }] of session.parameters.entries()) {
    if (prunable < 0) continue
    const weights = await session.getParameter(index, 'value')
    await session.setParameter(index, 'mask', new Float32Array(weights.length).fill(1))
  }
}

describe.skipIf(!haveShared())('training against Caffe', () => {
  let addon: EngineAddon
  let source: string
  const open: Session[] = []

  beforeAll(async () => {
    addon = loadAddon()
    source = await mnistLmdb(addon, 'train')
  })
  afterAll(() => Promise.all(open.map((session) => session.close())))

  async function leNetSession(net: LeNet, threads: number): Promise<Session> {
    const session = await addon.createSession({
      train: JSON.stringify(leNetGraph(net, 'TRAIN', { source })),
      solver: JSON.stringify(leNetSolver),
      device: 'cpu',
      threads,
      seed: 1,
      rateEncoding: 'exact',
    })
    open.push(session)
    await loadReference(session, net)
    return session
  }

  const cases = (['lenet300100', 'lenet5'] as const).flatMap((net) =>
    [1, 2].flatMap((threads) => [
      { net, threads, kind: 'plain' },
      { net, threads, kind: 'C' },
    ]),
  )

  it.each(cases)('$net $kind, $threads thread(s): losses, norms, gradient and weights', async (options) => {
    const { net, threads, kind } = options
    const golden = readSharedJson<TrainGolden>('golden', 'train', `sgd20_${net}_${kind}.json`)
    const session = await leNetSession(net, threads)
    if (kind === 'C') await setMasksToOne(session)
    expect(session.trainOutputs).toEqual(['accuracy', 'loss'])

    for (let step = 0; step < golden.loss.length; step++) {
      const { completed, stop, rows } = await session.train(1)
      expect({ completed, stop }).toEqual({ completed: 1, stop: 'done' })
      const [accuracy, loss, total, rate] = rows
      expect(accuracy).toBeCloseTo(golden.accuracy[step], 6)
      expect(relativeError(loss, golden.loss[step]), `loss of step ${step}`).toBeLessThan(lossTolerance)
      expect(total).toBe(loss)
      expect(rate).toBeCloseTo(0.01 * (1 + 0.0001 * step) ** -0.75, 8)
      for (let index = 0; index < session.parameters.length; index++) {
        const l2 = norm(await session.getParameter(index, 'value'))
        expect(relativeError(l2, golden.weight_l2_per_step[step][index])).toBeLessThan(normTolerance)
      }
      if (step === 0 && golden.step0_gradient_bin !== undefined) {
        const expected = perParameter(session, readSharedFloats('golden', 'train', golden.step0_gradient_bin))
        for (const [index, gradient] of expected.entries()) {
          expect(error(await session.getParameter(index, 'diff'), gradient)).toBeLessThan(valueTolerance)
        }
      }
    }
    expect(session.iteration).toBe(20)
    if (golden.final_weights_bin !== undefined) {
      const expected = perParameter(session, readSharedFloats('golden', 'train', golden.final_weights_bin))
      for (const [index, weights] of expected.entries()) {
        expect(error(await session.getParameter(index, 'value'), weights)).toBeLessThan(valueTolerance)
      }
    }
  })

  it('runs on AVX2 alone where capped', () => {
    const capped = process.env.OLMP_MAX_CPU_ISA === 'AVX2'
    expect(capped ? ['AVX2'] : ['AVX2', 'AVX512']).toContain(addon.systemInfo().cpuIsa)
  })

  it.runIf(process.env.OLMP_MAX_CPU_ISA === undefined)('holds with the AVX2 kernels as well', () => {
    const vitest = [`${projectRoot}node_modules/vitest/vitest.mjs`, 'run', 'test/golden/train.test.ts']
    const env = { ...process.env, OLMP_MAX_CPU_ISA: 'AVX2' }
    const child = spawnSync(process.execPath, vitest, { cwd: projectRoot, env, encoding: 'utf8' })
    expect(child.status, child.stdout + child.stderr).toBe(0)
  })
})
