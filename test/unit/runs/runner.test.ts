// Runs over the real engine, on a small net.
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import { findCheckpoint } from '../../../main/runs/checkpoints'
import { extendRun } from '../../../main/runs/extendRun'
import { openModel } from '../../../main/runs/openModel'
import { type HistoryReader, readHistory } from '../../../main/runs/HistoryReader'
import { moveRun } from '../../../main/runs/moveRun'
import { RunFolder } from '../../../main/runs/RunFolder'
import { runCompression } from '../../../main/runs/runner'
import type { RunEvent, RunResult } from '../../../main/runs/types'
import { engineOrSkip, makeTinyModel, tinyRequest, tinySettings } from './tinyModel'

const addon = engineOrSkip()

function history<T>(folder: RunFolder, work: (reader: HistoryReader) => T): T {
  const found = readHistory(folder.historyFile, work)
  if (found === null) throw new Error('no history')
  return found
}
const linesOf = (folder: RunFolder) => history(folder, (reader) => reader.log({ limit: 100_000 }).lines)
const iterationsOf = (folder: RunFolder) => [...history(folder, (reader) => reader.iterations().iteration)]

describe.skipIf(addon === null)('runCompression', () => {
  if (addon === null) return
  const root = mkdtempSync(join(tmpdir(), 'olmp-runs-'))
  const model = join(root, 'model')
  let count = 0

  beforeAll(() => makeTinyModel(addon, model))
  afterAll(() => rmSync(root, { recursive: true, force: true }))

  const create = (mode: 'ncs' | 'as-published' = 'ncs', change = {}): Promise<RunFolder> =>
    RunFolder.create(join(root, 'runs', `run-${++count}`), tinyRequest(model, tinySettings(mode), change))

  const run = async (
    folder: RunFolder,
    onEvent: (event: RunEvent) => void = () => undefined,
    signal?: AbortSignal,
  ): Promise<RunResult | null> =>
    runCompression(folder, { addon, cacheFolder: join(root, 'cache'), signal }, onEvent)

  /** SHA-256 of the engine's final state: weights, momentum, masks, generators. */
  async function finalState(folder: RunFolder): Promise<unknown> {
    const { checkpoint } = await findCheckpoint(folder.checkpointsFolder)
    if (checkpoint === null) throw new Error('no checkpoint')
    const opened = await openModel(folder.record.request.source, {
      addon: addon as NonNullable<typeof addon>,
      cacheFolder: join(root, 'cache'),
      threads: 1,
      seed: 1,
      device: 'cpu',
      rateEncoding: 'exact',
    })
    await opened.session.loadState(join(checkpoint.folder, 'engine.state'))
    const values = await Promise.all(
      opened.session.parameters.flatMap((_, i) => [
        opened.session.getParameter(i, 'value'),
        opened.session.getParameter(i, 'mask'),
      ]),
    )
    await opened.close()
    return values
  }

  it('goes on where it is moved to, when the device it was to run on cannot take it', async () => {
    const folder = await create('ncs', { device: 'cuda' })
    await expect(run(folder)).rejects.toMatchObject({ code: expect.stringMatching(/cuda|device/) })
    expect((await RunFolder.open(folder.path)).record.state).toBe('failed')
    const moved = await moveRun(folder.path, 'cpu')
    expect(await run(moved)).not.toBeNull()
    await expect(moveRun(folder.path, 'cuda')).rejects.toMatchObject({ code: 'run-finished' })
  })

  it.each(['ncs', 'as-published'] as const)(
    'compresses, keeps the accuracy and leaves a full record (%s)',
    async (mode) => {
      const folder = await create(mode)
      const events: RunEvent[] = []
      const result = await run(folder, (event) => events.push(event))
      expect(result).not.toBeNull()
      if (result === null) return
      expect(result.referenceAccuracy).toBeGreaterThan(0.85)
      expect(result.compression).toBeGreaterThan(1.5)
      expect(result.accuracy).toBeGreaterThan(result.referenceAccuracy - 0.15)
      expect(result.accuracy * 10_000).toBeCloseTo(Math.round(result.accuracy * 10_000), 9)
      expect(result.iterations).toBe(241)
      expect(result.cpuSeconds).toBeGreaterThan(0)
      expect(result.sparsity.total).toBe(49 * 24 + 24 + 24 * 10 + 10)
      expect(result.compression).toBe(result.sparsity.total / result.sparsity.kept)
      expect(await folder.readResult()).toEqual(result)
      expect((await RunFolder.open(folder.path)).record).toMatchObject({
        state: 'finished',
        model: { name: 'Tiny', prunableLayers: ['ip1', 'ip2'], trainImages: 60_000, testImages: 10_000 },
      })

      const { iteration, accuracy } = history(folder, (reader) => reader.iterations())
      expect([...iteration]).toEqual(Array.from({ length: 241 }, (_, i) => i))
      expect(accuracy.every((value) => Number.isFinite(value))).toBe(true)
      const told = events.flatMap((event) => (event.kind === 'iterations' ? event.records : []))
      expect([...history(folder, (reader) => reader.iterations().loss)]).toEqual(told.map(({ loss }) => loss))
      const searched = events.flatMap((event) => (event.kind === 'search' ? event.records : []))
      const at = searched.at(-1)?.iteration
      expect(history(folder, (reader) => reader.lastSearch())).toEqual(
        searched.filter((record) => record.iteration === at),
      )
      expect([...history(folder, (reader) => reader.tests().iteration)]).toEqual([0, 80, 160, 240, 241])
      const { kept } = history(folder, (reader) => reader.densities())
      const layers = result.sparsity.layers.map(
        (layer) => (layer.keptWeights + layer.keptBiases) / (layer.weights + layer.biases),
      )
      expect(kept.map((column) => column.at(-1))).toEqual(layers)
      expect(history(folder, (reader) => reader.lastPhase())).toMatchObject({
        phase: 'finished',
        iteration: 241,
      })
      const lines = linesOf(folder).map((line) => line.text)
      expect(lines).toContain('Iteration 80, Testing net (#0)')
      expect(lines.some((line) => /^Compression:[\d.]+, Accuracy:[\d.]+$/.test(line))).toBe(true)
      expect(readdirSync(folder.checkpointsFolder).sort()).toEqual(['000000210', '000000240', '000000241'])
      expect(existsSync(join(folder.path, 'lock.json'))).toBe(false)
    },
  )

  it('gives the same net twice, and another with another seed', async () => {
    const [a, b] = [await create(), await create()]
    await run(a)
    await run(b)
    expect(await finalState(a)).toEqual(await finalState(b))
    const settings = tinySettings('ncs', { seed: 5 })
    const c = await RunFolder.create(join(root, 'runs', 'seed-5'), tinyRequest(model, settings))
    await run(c)
    expect(await finalState(c)).not.toEqual(await finalState(a))
  })

  it.each([
    ['ncs', {}],
    ['as-published', {}],
    ['ncs', { dropout: true, accuracyInTestOnly: true }],
  ] as const)('paused at any point and resumed ends bit for bit the same (%s, %j)', async (mode, options) => {
    const source = join(root, `model-${mode}-${Object.keys(options).length}`)
    await makeTinyModel(addon, source, options)
    const request = tinyRequest(source, tinySettings(mode))
    const whole = await RunFolder.create(join(root, 'runs', `whole-${++count}`), request)
    const result = await run(whole)
    const pieces = await RunFolder.create(join(root, 'runs', `pieces-${++count}`), request)
    let stops = 0
    for (let ended: RunResult | null = null; ended === null; stops++) {
      const controller = new AbortController()
      let events = 0
      const limit = 3 + 17 * (stops + 1)
      ended = await run(
        await RunFolder.open(pieces.path),
        (event) => {
          if (['iterations', 'search', 'test'].includes(event.kind) && ++events === limit)
            controller.abort('paused')
        },
        controller.signal,
      )
      if (ended === null) expect((await RunFolder.open(pieces.path)).record.state).toBe('paused')
    }
    expect(stops).toBeGreaterThan(1)
    expect(await finalState(pieces)).toEqual(await finalState(whole))
    const resumed = await pieces.readResult()
    expect(resumed?.accuracy).toBe(result?.accuracy)
    expect(resumed?.sparsity).toEqual(result?.sparsity)
    const iterations = iterationsOf(pieces)
    expect(iterations).toEqual(Array.from({ length: 241 }, (_, i) => i))
  })

  it('stopped before its loop begins at the beginning again', async () => {
    const folder = await create()
    const controller = new AbortController()
    const abort = (event: RunEvent): void => {
      if (event.kind === 'phase' && event.phase === 'reference') controller.abort('paused')
    }
    expect(await run(folder, abort, controller.signal)).toBeNull()
    expect(folder.record).toMatchObject({ state: 'paused', model: null })
    expect(readdirSync(folder.checkpointsFolder)).toEqual([])
    const result = await run(folder)
    const whole = await create()
    expect(result?.referenceAccuracy).toBe((await run(whole))?.referenceAccuracy)
    expect(await finalState(folder)).toEqual(await finalState(whole))
  })

  it('passes over damaged checkpoints, says which and why, and still ends the same', async () => {
    const whole = await create()
    await run(whole)
    const folder = await create()
    const controller = new AbortController()
    await run(
      folder,
      (event) => event.kind === 'checkpoint' && event.iteration === 120 && controller.abort('stopped'),
      controller.signal,
    )
    expect(folder.record.state).toBe('stopped')
    const newest = join(folder.checkpointsFolder, readdirSync(folder.checkpointsFolder).sort().at(-1) ?? '')
    const state = join(newest, 'engine.state')
    truncateSync(state, statSync(state).size - 1)
    await run(await RunFolder.open(folder.path))
    const warning = linesOf(folder).find((line) => line.level === 'warning')
    expect(warning?.text).toContain(newest)
    expect(warning?.text).toMatch(/engine\.state has \d+ bytes instead of \d+/)
    expect(await finalState(folder)).toEqual(await finalState(whole))
  })

  it('starts over where no checkpoint is whole', async () => {
    const whole = await create()
    await run(whole)
    const folder = await create('ncs', { checkpointIntervalIterations: 1000 })
    const controller = new AbortController()
    await run(folder, (event) => event.kind === 'search' && controller.abort('paused'), controller.signal)
    for (const name of readdirSync(folder.checkpointsFolder)) {
      writeFileSync(join(folder.checkpointsFolder, name, 'manifest.json'), '{')
    }
    await run(folder)
    const tests = history(folder, (reader) => reader.tests().iteration)
    expect(tests.filter((iteration) => iteration === 0).length).toBe(1)
    expect(await finalState(folder)).toEqual(await finalState(whole))
  })

  it('refuses a second owner and a finished run', async () => {
    const settings = tinySettings('ncs', { iterations: 20_000 })
    const folder = await RunFolder.create(join(root, 'runs', 'owned'), tinyRequest(model, settings))
    const controller = new AbortController()
    let second: Promise<unknown> | undefined
    const ended = await run(
      folder,
      (event) => {
        if (event.kind !== 'search' || second !== undefined) return
        second = run(folder).catch((error: unknown) => error)
        void second.then(() => controller.abort('paused'))
      },
      controller.signal,
    )
    expect(ended).toBeNull()
    expect(await second).toMatchObject({ code: 'run-in-use', hint: 'stop it there first' })
    const finished = await create()
    await run(finished)
    await expect(run(finished)).rejects.toMatchObject({ code: 'run-finished' })
  })

  it('goes on longer after its end, its masks as they were, until a new result', async () => {
    const folder = await create()
    const before = await run(folder)
    await expect(extendRun(join(root, 'runs', 'owned'), 50)).rejects.toMatchObject({
      code: 'run-not-finished',
    })
    const extended = await extendRun(folder.path, 100)
    expect(extended.record).toMatchObject({ state: 'paused', request: { settings: { iterations: 340 } } })
    expect(await extended.readResult()).toEqual(before)
    const after = await run(extended)
    expect(after?.iterations).toBe(341)
    expect(after?.sparsity).toEqual(before?.sparsity)
    expect(await extended.readResult()).toEqual(after)
    expect((await RunFolder.open(folder.path)).record.state).toBe('finished')
    expect(iterationsOf(extended)).toEqual(Array.from({ length: 341 }, (_, i) => i))
    expect(readdirSync(folder.checkpointsFolder).sort().at(-1)).toBe('000000341')
    expect(history(extended, (reader) => reader.lastTest())).toMatchObject({
      iteration: 341,
      accuracy: after?.accuracy,
    })
  })

  it('goes on where its history is damaged, puts that aside and says so', async () => {
    const whole = await create()
    await run(whole)
    const folder = await create()
    const controller = new AbortController()
    await run(
      folder,
      (event) => event.kind === 'checkpoint' && event.iteration === 120 && controller.abort('paused'),
      controller.signal,
    )
    writeFileSync(folder.historyFile, 'not a database '.repeat(1000))
    await run(folder)
    expect(existsSync(join(folder.path, 'damaged-history.db'))).toBe(true)
    expect(linesOf(folder).find((line) => line.level === 'warning')?.text).toContain('history was damaged')
    expect(iterationsOf(folder).at(-1)).toBe(240)
    expect(await finalState(folder)).toEqual(await finalState(whole))
  })

  it('fails with the reason recorded where the model cannot be opened, and can be resumed', async () => {
    const folder = await RunFolder.create(
      join(root, 'runs', `run-${++count}`),
      tinyRequest(join(root, 'nowhere'), tinySettings('ncs')),
    )
    const events: RunEvent[] = []
    await expect(run(folder, (event) => events.push(event))).rejects.toMatchObject({ code: 'no-folder' })
    expect(folder.record).toMatchObject({ state: 'failed', error: { code: 'no-folder' } })
    expect(events.at(-1)).toMatchObject({ kind: 'error', error: { code: 'no-folder' } })
  })

  it.each(['ncs', 'as-published'] as const)(
    'leaves a layer alone that is not to be pruned (%s)',
    async (mode) => {
      const settings = tinySettings(mode, { layers: [{ name: 'ip2', prune: false }] })
      const folder = await RunFolder.create(
        join(root, 'runs', `run-${++count}`),
        tinyRequest(model, settings),
      )
      const result = await run(folder)
      const [ip1, ip2] = result?.sparsity.layers ?? []
      expect([ip2.keptWeights, ip2.keptBiases]).toEqual([240, 10])
      expect(ip1.keptWeights).toBeLessThan(ip1.weights)
    },
  )

  it.each(['exact', 'mask-element'] as const)(
    'measures candidates that leave layers out (%s)',
    async (rateEncoding) => {
      const opened = await openModel(
        { folder: model },
        { addon, cacheFolder: model, threads: 1, seed: 1, device: 'cpu', rateEncoding },
      )
      const { session } = opened
      await session.computeMoments()
      await session.setRates(Float64Array.of(0.5, 0.5))
      await session.remask([0, 1])
      const before = await session.keptCounts()
      const kept = before.map((layer) => layer.keptWeights + layer.keptBiases)
      for (const mode of ['independent', 'sequential'] as const) {
        const rates = Float64Array.of(Number.NaN, Number.NaN, Number.NaN, 1.5, 0.9, Number.NaN)
        const measured = await session.evaluateRates(rates, mode)
        expect(measured.kept[0]).toBe(kept[0] + kept[1])
        expect(measured.kept[1]).toBeGreaterThan(kept[0])
        expect(measured.kept[1]).toBeLessThan(kept[0] + kept[1])
        if (mode === 'independent') expect(measured.kept[2]).toBeGreaterThan(kept[1])
        if (mode === 'independent') expect(await session.keptCounts()).toEqual(before)
      }
      await opened.close()
    },
  )

  it('tests with a batch that divides the test set where the stated one does not', async () => {
    const source = join(root, 'model-batch-64')
    await makeTinyModel(addon, source, { testBatch: 64 })
    const opened = await openModel(
      { folder: source },
      { addon, cacheFolder: source, threads: 1, seed: 1, device: 'cpu', rateEncoding: 'exact' },
    )
    expect([opened.testImages, opened.testIterations]).toEqual([10_000, 200])
    const [accuracy] = await opened.session.test(opened.testIterations)
    expect(accuracy * 10_000).toBeCloseTo(Math.round(accuracy * 10_000), 3)
    await opened.close()
  })
})
