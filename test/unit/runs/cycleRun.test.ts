// Compression in cycles over the real engine, on a small net.
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import type { CycleGoal, CycleSettings } from '../../../main/olmp/cycleSettings'
import { releaseWeights } from '../../../main/caffe/caffemodel'
import { netFacts } from '../../../main/projects/modelReport'
import { exportModel } from '../../../main/runs/exportRun'
import { readFront, restoreFromFront } from '../../../main/runs/front'
import { importModel, openModel } from '../../../main/runs/openModel'
import { RunFolder } from '../../../main/runs/RunFolder'
import { runCompression } from '../../../main/runs/runner'
import { settingsOptions } from '../../../main/runs/sampling'
import type { RunEvent, RunResult } from '../../../main/runs/types'
import { engineOrSkip, makeTinyModel, tinyCycles } from './tinyModel'

const addon = engineOrSkip()

describe.skipIf(addon === null)('a compression in cycles', () => {
  if (addon === null) return
  const root = mkdtempSync(join(tmpdir(), 'olmp-cycles-'))
  const model = join(root, 'model')
  const cacheFolder = join(root, 'cache')
  let count = 0

  beforeAll(() => makeTinyModel(addon, model))
  afterAll(() => rmSync(root, { recursive: true, force: true }))

  const create = (settings: CycleSettings): Promise<RunFolder> =>
    RunFolder.create(join(root, 'runs', `run-${++count}`), {
      source: { folder: model },
      settings,
      device: 'cpu',
      threads: 1,
      checkpointIntervalIterations: 25,
      keepCheckpoints: 2,
    })
  const run = (
    folder: RunFolder,
    onEvent: (event: RunEvent) => void = () => undefined,
    signal?: AbortSignal,
  ): Promise<RunResult | null> => runCompression(folder, { addon, cacheFolder, signal }, onEvent)

  /** Each net kept, by its checksum. */
  const netsOf = (folder: RunFolder): string[] =>
    readdirSync(join(folder.path, 'front'))
      .filter((name) => name.endsWith('.json'))
      .map((name) => JSON.parse(readFileSync(join(folder.path, 'front', name), 'utf8')).sha256)

  it('reaches its size with the accuracy of a useful net, keeps the front, and exports it verified', async () => {
    const folder = await create(tinyCycles({ kind: 'size', kept: [400, 200] }))
    const result = await run(folder)
    expect(result?.referenceAccuracy).toBeGreaterThan(0.85)
    expect(result?.accuracy).toBeGreaterThan(0.7)
    expect(result?.sparsity.kept).toBeLessThanOrEqual(200)
    expect(result?.sparsity.kept).toBeGreaterThan(120)
    const front = await readFront(folder.path)
    expect(front[0]).toMatchObject({ cycle: 0 })
    expect(front.at(-1)).toMatchObject({ kept: result?.sparsity.kept, testAccuracy: result?.accuracy })
    const origin = { kind: 'checkpoint', runFolder: folder.path } as const
    const facts = await exportModel(origin, 'onnx', join(root, 'last.onnx'), { addon, cacheFolder })
    expect(facts.verification).toMatchObject({ kind: 'onnxruntime', accuracyEngine: result?.accuracy })
    expect(facts.sparsity.kept).toBe(result?.sparsity.kept)
    const earlier = front[1]
    const other = await exportModel(
      { kind: 'front', runFolder: folder.path, iteration: earlier.iteration },
      'onnx',
      join(root, 'earlier.onnx'),
      { addon, cacheFolder },
    )
    expect(other.sparsity.kept).toBe(earlier.kept)
    expect(other.verification).toMatchObject({ accuracyEngine: earlier.testAccuracy })
  })

  it('goes on after a stop, bit for bit', async () => {
    const settings = tinyCycles({ kind: 'size', kept: [300] })
    const whole = await create(settings)
    await run(whole)
    for (const at of [40, 130]) {
      const parts = await create(settings)
      const abort = new AbortController()
      const stopped = await run(
        parts,
        (event) => {
          if (event.kind === 'iterations' && event.records.some(({ iteration }) => iteration >= at))
            abort.abort('stopped')
        },
        abort.signal,
      )
      expect(stopped).toBeNull()
      expect((await run(await RunFolder.open(parts.path)))?.sparsity.kept).toBeLessThanOrEqual(300)
      expect(netsOf(parts)).toEqual(netsOf(whole))
    }
  })

  it('ends at the smallest net within the accuracy allowed on images it was not trained on', async () => {
    const goal: CycleGoal = { kind: 'accuracy', loss: 0.03, validationImages: 2000, against: 'fine-tuned' }
    const folder = await create(tinyCycles(goal))
    const events: RunEvent[] = []
    const result = await run(folder, (event) => events.push(event))
    const { accuracy = 0, referenceAccuracy = 1, images } = result?.validation ?? {}
    expect(images).toBe(2000)
    expect(result?.validation).toMatchObject({ loss: 0.03, against: 'fine-tuned' })
    const { accuracy: tested = 0, referenceAccuracy: given = 1 } = result ?? {}
    const tellsRoom = events.some(
      (event) => event.kind === 'log' && event.text.includes('points better than the given one'),
    )
    expect(tellsRoom).toBe(tested - given >= 0.002)
    expect(accuracy).toBeGreaterThanOrEqual(referenceAccuracy - 0.03)
    const front = await readFront(folder.path)
    const smaller = front.filter(({ kept }) => kept < (result?.sparsity.kept ?? 0))
    // two in a row, and the larger of them once more with rounds
    expect(smaller).toHaveLength(3)
    for (const { validationAccuracy } of smaller)
      expect(validationAccuracy).toBeLessThan(referenceAccuracy - 0.03)
    expect(
      events.some((event) => event.kind === 'log' && event.text.includes('may have been trained on them')),
    ).toBe(true)
  })

  it('compares with the given net fine-tuned without copies, and begins that anew where it was stopped in it', async () => {
    const goal: CycleGoal = { kind: 'accuracy', loss: 0.02, validationImages: 2000, against: 'fine-tuned' }
    const settings = tinyCycles(goal)
    const texts = (events: RunEvent[]): string[] =>
      events.flatMap((event) => (event.kind === 'log' || event.kind === 'phase' ? [event.text] : []))
    const whole = await create(settings)
    const events: RunEvent[] = []
    const validation = (await run(whole, (event) => events.push(event)))?.validation
    const said = texts(events).find((text) => text.includes('on the images as they are, has'))
    expect(said).toContain(`${(100 * (validation?.referenceAccuracy ?? 0)).toFixed(2)}%`)
    // by itself: a run without copies and teacher fine-tunes its own whole net in just that way
    const plain = await create({ ...settings, augmentation: null, distillation: null })
    await run(plain)
    const [first] = await readFront(plain.path)
    expect(first.validationAccuracy).toBe(validation?.referenceAccuracy)
    expect((await readFront(whole.path))[0].validationAccuracy).not.toBe(first.validationAccuracy)

    const parts = await create(settings)
    const abort = new AbortController()
    const stopped = await run(
      parts,
      (event) => {
        if (event.kind === 'phase' && event.text === 'Fine-tuning the given net to compare with')
          abort.abort('stopped')
      },
      abort.signal,
    )
    expect(stopped).toBeNull()
    expect(await run(await RunFolder.open(parts.path))).toMatchObject({ validation })
    expect(netsOf(parts)).toEqual(netsOf(whole))
  })

  it('takes the facts that its rule asks for from the folder', async () => {
    const imported = await importModel({ folder: model }, { addon, cacheFolder })
    expect(netFacts(imported)).toEqual({
      prunableTypes: ['InnerProduct', 'InnerProduct'],
      prunableParameters: 49 * 24 + 24 + 24 * 10 + 10,
      trainImages: 60_000,
      trainBatch: 64,
      testBatch: 100,
      baseLearningRate: expect.closeTo(0.05),
      datumShape: [1, 28, 28],
      floatData: false,
    })
    if (imported.weights !== null) releaseWeights(imported.weights)
  })

  it('splits by thresholds too, without augmentation and teacher', async () => {
    const plain = { fineTune: null, augmentation: null, distillation: null }
    for (const score of ['thresholds', 'fisher-thresholds'] as const) {
      const folder = await create(tinyCycles({ kind: 'size', kept: [400] }, { ...plain, score }))
      expect((await run(folder))?.accuracy).toBeGreaterThan(0.8)
    }
  })

  it('tells a damaged net of the front, and one that is not there', async () => {
    const folder = await create(tinyCycles({ kind: 'size', kept: [500] }))
    await run(folder)
    const [{ iteration }] = await readFront(folder.path)
    const file = join(folder.path, 'front', `${String(iteration).padStart(9, '0')}.net`)
    const opened = await openModel(
      { folder: model },
      { addon, cacheFolder, threads: 1, device: 'cpu', ...settingsOptions(folder.record.request.settings) },
    )
    expect(await restoreFromFront(folder.path, opened.session, iteration)).toMatchObject({ iteration })
    const bytes = readFileSync(file)
    bytes[10] ^= 1
    writeFileSync(file, bytes)
    await expect(restoreFromFront(folder.path, opened.session, iteration)).rejects.toMatchObject({
      code: 'corrupt-front-net',
    })
    await expect(restoreFromFront(folder.path, opened.session, 7)).rejects.toMatchObject({
      code: 'unknown-front-net',
    })
    await opened.close()
  })
})
