// The recommended compression on nets of every structure, by the rule for any net: both goals, then all that is exported.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import { releaseWeights } from '../../../main/caffe/caffemodel'
import { augmentable, cycleRule } from '../../../main/olmp/cycleRule'
import type { CycleGoal } from '../../../main/olmp/cycleSettings'
import { validationImages } from '../../../main/olmp/heldOut'
import { testRecord } from '../../../main/olmp/records'
import { netFacts } from '../../../main/projects/modelReport'
import { exportModel } from '../../../main/runs/exportRun'
import { readFront } from '../../../main/runs/front'
import { testNet } from '../../../main/runs/loopNet'
import { importModel, openModel } from '../../../main/runs/openModel'
import { RunFolder } from '../../../main/runs/RunFolder'
import { runCompression } from '../../../main/runs/runner'
import type { RunEvent, RunResult } from '../../../main/runs/types'
import { makeStructure, structures } from './structures'
import { engineOrSkip } from './tinyModel'

const addon = engineOrSkip()

describe.skipIf(addon === null).each(Object.entries(structures))('%s', (_, structure) => {
  if (addon === null) return
  const root = mkdtempSync(join(tmpdir(), 'olmp-structure-'))
  const folder = join(root, 'model')
  const deps = { addon, cacheFolder: join(root, 'cache') }
  const events: RunEvent[] = []

  beforeAll(() => makeStructure(addon, folder, structure))
  afterAll(() => rmSync(root, { recursive: true, force: true }))

  async function compress(
    name: string,
    goalOf: (total: number, held: number) => CycleGoal,
  ): Promise<RunResult> {
    const model = await importModel({ folder }, deps)
    if (model.weights !== null) releaseWeights(model.weights)
    const facts = netFacts(model)
    if (facts === null) throw new Error('nothing is known of the net')
    expect(augmentable(facts)).toBe(true)
    const goal = goalOf(facts.prunableParameters, validationImages(facts))
    const run = await RunFolder.create(join(root, name), {
      source: { folder },
      settings: cycleRule(facts, { effort: 'quick', goal, augment: true, seed: 1 }),
      device: 'cpu',
      threads: 1,
      checkpointIntervalIterations: 1000,
      keepCheckpoints: 1,
    })
    const result = await runCompression(run, deps, (event) => events.push(event))
    if (result === null) throw new Error('the run was stopped')
    return result
  }

  async function accuracyOf(weights: string): Promise<number> {
    const needs = { train: false, test: true, weights: true, accuracy: true }
    const opened = await openModel(
      { folder, weights },
      { ...deps, threads: 1, seed: 1, device: 'cpu', rateEncoding: 'exact', needs },
    )
    try {
      const { session, test, testIterations, testImages } = opened
      if (test === null) throw new Error('no net to test')
      const values = await session.test(testIterations)
      return testRecord(0, { ...testNet(test, session), testImages }, values, 1).accuracy
    } finally {
      await opened.close()
    }
  }

  it('keeps its accuracy at a tenth of its size', async () => {
    const result = await compress('size', (total) => ({ kind: 'size', kept: [Math.floor(total / 10)] }))
    expect(result.referenceAccuracy).toBeGreaterThan(0.9)
    expect(result.accuracy).toBeGreaterThan(result.referenceAccuracy - 0.05)
    expect(result.compression).toBeGreaterThanOrEqual(10)
    expect(result.compression).toBeLessThan(13)
    expect(events.some((event) => event.kind === 'log' && event.text.includes('too large'))).toBe(false)
  })

  it('finds a smaller net within a loss judged on images held out', async () => {
    const result = await compress('accuracy', (__, held) => ({
      kind: 'accuracy',
      loss: 0.02,
      validationImages: held,
      against: 'given',
    }))
    const { accuracy = 0, referenceAccuracy = 1, images } = result.validation ?? {}
    expect(images).toBe(150)
    expect(accuracy).toBeGreaterThanOrEqual(referenceAccuracy - 0.02)
    expect(result.compression).toBeGreaterThan(4)
  })

  it('is exported verified in every form, and smaller where it is compact', async () => {
    const origin = { kind: 'checkpoint', runFolder: join(root, 'size') } as const
    const to = (name: string): string => join(root, name)
    const masked = await exportModel(origin, 'onnx', to('masked.onnx'), deps)
    const sparse = await exportModel(origin, 'onnx-sparse', to('sparse.onnx'), deps)
    const compact = await exportModel(origin, 'onnx-compact', to('compact.onnx'), deps)
    const both = await exportModel(origin, 'onnx-compact-sparse', to('both.onnx'), deps)
    const [{ verification }] = [masked]
    for (const facts of [masked, sparse, compact, both]) {
      expect(facts.verification).toMatchObject({ kind: 'onnxruntime', images: 120, agreement: 1 })
      expect(facts.verification.accuracyEngine).toBe(verification.accuracyEngine)
    }
    expect(sparse.bytes).toBeLessThan(masked.bytes)
    expect(compact.bytes).toBeLessThanOrEqual(masked.bytes)
    const { original, masked: beside, compact: small } = compact.sideBySide ?? {}
    expect(original).toBeDefined()
    // what is told of the file is of the net in it, without auxiliary classifiers
    if (!structure.layers.some((layer) => layer.includes('BatchNorm'))) {
      expect(masked.sparsity.total).toBe(original?.parameters)
      expect(masked.sparsity.kept).toBe(beside?.nonzero)
    }
    expect(beside).toMatchObject({ parameters: original?.parameters, flops: original?.flops })
    expect(small?.parameters).toBeLessThanOrEqual(original?.parameters ?? 0)
    expect(small?.flops).toBeLessThanOrEqual(original?.flops ?? 0)
    expect(small?.nonzero).toBeLessThanOrEqual(beside?.nonzero ?? 0)
    expect(small?.latency.medianMs).toBeGreaterThan(0)

    for (const format of ['caffemodel', 'caffemodel-plain'] as const) {
      const file = to(`${format}.caffemodel`)
      const facts = await exportModel(origin, format, file, deps)
      expect(facts.verification.accuracyEngine).toBe(verification.accuracyEngine)
      expect(await accuracyOf(file)).toBe(verification.accuracyEngine)
    }
    const front = await readFront(join(root, 'size'))
    const early = { kind: 'front', runFolder: join(root, 'size'), iteration: front[1].iteration } as const
    const first = await exportModel(early, 'onnx-compact', to('early.onnx'), deps)
    expect(first.verification).toMatchObject({ agreement: 1, accuracyEngine: front[1].testAccuracy })
  })
})
