// What the net view asks of the engine process, on a small real net and a run of it.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import { EngineServices } from '../../../main/engine/EngineServices'
import { layerWeightsJobs } from '../../../main/engine/jobs/layerWeights'
import { netGraphJobs } from '../../../main/engine/jobs/netGraph'
import { sensitivityJobs } from '../../../main/engine/jobs/sensitivity'
import type { LayerWeights, SensitivityProgress } from '../../../main/projects/netTypes'
import { listCheckpoints } from '../../../main/runs/checkpoints'
import { testNet } from '../../../main/runs/loopNet'
import { openModel, type OpenedModel } from '../../../main/runs/openModel'
import { RunFolder } from '../../../main/runs/RunFolder'
import { runCompression } from '../../../main/runs/runner'
import type { RunResult } from '../../../main/runs/types'
import { engineOrSkip, makeTinyModel, tinyRequest, tinySettings } from '../runs/tinyModel'

const addon = engineOrSkip()
const sum = (values: ArrayLike<number>) => Array.from(values).reduce((total, value) => total + value, 0)

function setBits({ mask }: LayerWeights): number {
  return sum(Array.from(mask.cells, (byte) => byte.toString(2).replaceAll('0', '').length))
}

describe.skipIf(addon === null)('jobs of the net view', () => {
  if (addon === null) return
  const root = mkdtempSync(join(tmpdir(), 'olmp-net-'))
  const source = { folder: join(root, 'model') }
  const cache = join(root, 'cache')
  const engine = new EngineServices(
    { cache, resources: '', data: root },
    { add: () => undefined, flush: () => undefined },
  )
  const control = <P>(
    onProgress: (progress: P) => void = () => undefined,
    stopper = new AbortController(),
  ) => ({
    onProgress,
    signal: stopper.signal,
  })
  const weightsOf = (layer: string, run?: { runFolder: string; checkpoint?: string }) =>
    layerWeightsJobs.layerWeights(engine, { source, layer, run }, control<string>())

  beforeAll(() => makeTinyModel(addon, source.folder))
  afterAll(() => rmSync(root, { recursive: true, force: true }))

  const reference = (): Promise<OpenedModel> =>
    openModel(source, {
      addon,
      cacheFolder: cache,
      threads: 1,
      seed: 1,
      device: 'cpu',
      rateEncoding: 'exact',
    })

  describe('netGraph', () => {
    it('gives the phase asked for, and names those there are', async () => {
      const shown = await netGraphJobs.netGraph(engine, { source, phase: 'TEST' }, control<string>())
      expect(shown.phases).toEqual(['TRAIN', 'TEST', 'DEPLOY'])
      expect(shown.graph.layers.map(({ name }) => name)).toContain('accuracy')
      expect(shown.prunable).toEqual(['ip1', 'ip2'])
    })

    it('gives the first where none is asked for', async () => {
      expect((await netGraphJobs.netGraph(engine, { source }, control<string>())).phase).toBe('TRAIN')
    })
  })

  describe('layerWeights', () => {
    let folder: RunFolder
    let result: RunResult

    beforeAll(async () => {
      folder = await RunFolder.create(join(root, 'run'), tinyRequest(source.folder, tinySettings('ncs')))
      const finished = await runCompression(folder, { addon, cacheFolder: cache }, () => undefined)
      if (finished === null) throw new Error('the run was stopped')
      result = finished
    })

    it('takes the moments that the engine takes, from the file', async () => {
      const opened = await reference()
      const moments = await opened.session.computeMoments()
      await opened.close()
      for (const [index, layer] of ['ip1', 'ip2'].entries()) {
        const { mu, sigma, rate, threshold, checkpoint } = await weightsOf(layer)
        expect(mu).toBeCloseTo(moments[index].mu, 7)
        expect(sigma).toBeCloseTo(moments[index].sigma, 7)
        expect({ rate, threshold, checkpoint }).toEqual({ rate: null, threshold: null, checkpoint: null })
      }
    })

    it('counts every weight and bias of the reference once, all kept', async () => {
      const weights = await weightsOf('ip1')
      expect(weights).toMatchObject({ weights: 49 * 24, biases: 24, keptWeights: 49 * 24, keptBiases: 24 })
      const { counts, kept } = weights.histogram
      expect([sum(counts), sum(kept)]).toEqual([49 * 24 + 24, 49 * 24 + 24])
      expect(weights.mask).toMatchObject({ rows: 24, columns: 49, tile: [1, 1], kind: 'weights' })
      expect(setBits(weights)).toBe(49 * 24)
    })

    it('tells what a crate would leave of a layer of the reference, as the engine prunes it', async () => {
      const opened = await reference()
      const { session } = opened
      await session.computeMoments()
      await session.setRates(Float64Array.from([1.5, 0.25]))
      await session.remask([0, 1])
      const counts = await session.keptCounts()
      await opened.close()
      for (const [index, rate] of [1.5, 0.25].entries()) {
        const layer = ['ip1', 'ip2'][index]
        const weights = await layerWeightsJobs.layerWeights(
          engine,
          { source, layer, rate },
          control<string>(),
        )
        const { keptWeights, keptBiases } = counts[index]
        expect(weights).toMatchObject({ rate, keptWeights, keptBiases })
        expect(setBits(weights)).toBe(keptWeights)
      }
    })

    it('tells of a run what its result tells, and where the threshold lies', async () => {
      for (const { name, keptWeights, keptBiases } of result.sparsity.layers) {
        const weights = await weightsOf(name, { runFolder: folder.path })
        expect(weights).toMatchObject({ keptWeights, keptBiases })
        expect(sum(weights.histogram.kept)).toBe(keptWeights + keptBiases)
        expect(setBits(weights)).toBe(keptWeights)
        const { mu, sigma, rate, threshold } = weights
        expect(threshold).toBe(Math.max(mu + (rate ?? NaN) * sigma, 0))
        expect(mu).toBeCloseTo((await weightsOf(name)).mu, 7)
        expect(weights.checkpoint?.iteration).toBe(241)
      }
    })

    it('goes back to an older checkpoint', async () => {
      const names = (await listCheckpoints(folder.checkpointsFolder)).map((path) => path.split('/').at(-1))
      const oldest = await weightsOf('ip1', { runFolder: folder.path, checkpoint: names.at(-1) })
      expect(oldest.checkpoint).toMatchObject({ name: names.at(-1), runId: 'run' })
      expect(oldest.checkpoint?.iteration).toBeLessThan(241)
    })

    it('refuses a checkpoint that is not there, and a layer without weights to prune', async () => {
      const absent = weightsOf('ip1', { runFolder: folder.path, checkpoint: '../../000000001' })
      await expect(absent).rejects.toMatchObject({ code: 'no-checkpoint' })
      await expect(weightsOf('relu')).rejects.toMatchObject({ code: 'no-weights' })
    })
  })

  describe('sensitivity', () => {
    const measure = (onProgress?: (progress: SensitivityProgress) => void, stopper?: AbortController) =>
      sensitivityJobs.sensitivity(engine, { source, images: 950, threads: 1 }, control(onProgress, stopper))

    it('measures each layer from all of it to nothing, the others as they are', async () => {
      const told: number[] = []
      const result = await measure(({ done, total }) => told.push(done / total))
      expect(result).toMatchObject({ images: 1000, testImages: 10_000 })
      expect(result.layers.map(({ layer }) => layer)).toEqual(['ip1', 'ip2'])
      expect(told.at(-1)).toBe(1)
      for (const { points } of result.layers) {
        expect(points[0]).toMatchObject({ density: 1, accuracy: result.referenceAccuracy })
        const densities = points.map(({ density }) => density)
        expect(densities).toEqual([...new Set(densities)].sort((a, b) => b - a))
        expect(densities.at(-1)).toBe(0)
        expect(points.at(-1)?.accuracy).toBeLessThan(0.3)
        expect(points.map(({ rate }) => rate)).toEqual(points.map(({ rate }) => rate).sort((a, b) => a - b))
      }
    })

    it('is what pruning by hand at that threshold gives', async () => {
      const { layers } = await measure()
      const point = layers[1].points[6]
      const opened = await reference()
      const { session, test } = opened
      const [, { mu, sigma }] = await session.computeMoments()
      let kept = 0
      for (const [index, { layer }] of session.parameters.entries()) {
        if (layer !== 'ip2') continue
        const values = await session.getParameter(index, 'value')
        const left = values.map((w) => (Math.abs(w) <= 0.9 * (mu + point.rate * sigma) ? 0 : w))
        kept += left.filter((w) => w !== 0).length
        await session.setParameter(index, 'value', left)
      }
      await session.rewind('TEST')
      const values = await session.test(10)
      const accuracy = test === null ? NaN : values[testNet(test, session).testAccuracy]
      await opened.close()
      expect(kept / 250).toBe(point.density)
      expect(accuracy).toBe(point.accuracy)
    })

    it('ends when it is cancelled', async () => {
      const stopper = new AbortController()
      let told = 0
      const answer = measure(() => {
        told += 1
        stopper.abort()
      }, stopper)
      await expect(answer).rejects.toMatchObject({ code: 'cancelled' })
      expect(told).toBe(1)
    })
  })
})
