// The models of a project from a real run on a small net: exported in every format, verified, listed, deleted; both models
// on the whole test set.

import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { mkdir, rename } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'

import type { EngineProcess } from '../../../main/engine/EngineProcess'
import { EngineServices } from '../../../main/engine/EngineServices'
import { jobs } from '../../../main/engine/jobs'
import type { EngineMethod } from '../../../main/engine/protocol'
import { CancellableJobs } from '../../../main/projects/CancellableJobs'
import { ModelService } from '../../../main/projects/ModelService'
import { ProjectStore } from '../../../main/projects/ProjectStore'
import { TryService } from '../../../main/projects/TryService'
import type { ExportFormat, ModelProgress } from '../../../main/runs/models'
import { RunFolder } from '../../../main/runs/RunFolder'
import { runCompression } from '../../../main/runs/runner'
import { engineOrSkip, makeTinyModel, tinyRequest, tinySettings } from '../runs/tinyModel'
import { exampleReport } from './exampleReport'

const addon = engineOrSkip()

describe.skipIf(addon === null)('the models of a project', () => {
  const root = mkdtempSync(path.join(tmpdir(), 'olmp-models-'))
  afterAll(() => rmSync(root, { recursive: true, force: true }))

  const sent = vi.fn()
  const reveal = vi.fn()
  let saveTo: string | null = null
  let projectId = ''
  let models: ModelService
  let tries: TryService
  let cancelling: CancellableJobs
  const runId = 'run-1'
  const progress: ModelProgress[] = []
  let onProgress: (told: ModelProgress) => void = () => undefined

  beforeAll(async () => {
    if (addon === null) return
    const folder = path.join(root, 'tiny')
    await makeTinyModel(addon, folder)
    const services = new EngineServices(
      { cache: path.join(root, 'cache'), resources: root, data: root },
      { add: () => undefined, flush: () => undefined },
    )
    const request = async (method: EngineMethod, params: never, tell?: never, signal?: AbortSignal) =>
      (jobs[method] as (...all: unknown[]) => Promise<unknown>)(services, params, {
        onProgress: tell ?? (() => undefined),
        signal: signal ?? new AbortController().signal,
      })
    const engine = { request } as unknown as Pick<EngineProcess, 'request'>
    const store = new ProjectStore({ folder: path.join(root, 'projects') })
    const project = await store.create({ ...exampleReport, source: { folder }, name: 'Tiny net' })
    projectId = project.id
    cancelling = new CancellableJobs((told) => {
      progress.push(told)
      onProgress(told)
    })
    tries = new TryService({ engine, store, jobs: cancelling })
    const trash = {
      put: async (from: string) => {
        await mkdir(path.join(root, 'deleted'), { recursive: true })
        await rename(from, path.join(root, 'deleted', path.basename(from)))
        return path.basename(from)
      },
    }
    models = new ModelService({
      engine,
      store,
      trash,
      jobs: cancelling,
      tries,
      events: { send: sent },
      chooseSaveFile: async () => saveTo,
      reveal,
    })
    const run = await RunFolder.create(
      store.runFolderOf(projectId, runId),
      tinyRequest(folder, tinySettings('ncs'), { checkpointIntervalIterations: 60 }),
    )
    await runCompression(run, { addon, cacheFolder: path.join(root, 'cache') }, () => undefined)
  }, 120_000)

  const exportAs = (format: ExportFormat, more: { checkpoint?: string; saveTitle?: string } = {}) =>
    models.export({ projectId, runId, format, job: 'job-1', ...more })

  it('has checkpoints with what the net was worth then', async () => {
    const listed = await models.checkpoints({ projectId, runId })
    expect(listed.length).toBe(3)
    expect(listed[0].compression).toBeGreaterThan(1)
    expect(listed[0].accuracy).toBeGreaterThan(0.5)
    expect(listed[0].accuracyIteration).toBeGreaterThan(0)
  })

  it('exports ONNX, dense and sparse, which say the same', async () => {
    const dense = await exportAs('onnx')
    const sparse = await exportAs('onnx-sparse')
    if (dense?.verification.kind !== 'onnxruntime' || sparse?.verification.kind !== 'onnxruntime')
      throw new Error('not verified')
    expect(dense.verification).toMatchObject({ images: 10_000, agreement: 1 })
    expect(sparse.verification.accuracyOnnx).toBe(dense.verification.accuracyOnnx)
    expect(dense).toMatchObject({ opset: 13, ownFile: true, checkpoint: { iteration: 241 } })
    expect(dense.gzipBytes).toBeLessThan(dense.bytes)
    expect(path.basename(dense.file)).toBe('Tiny-net.onnx')
    expect(readFileSync(dense.file).length).toBe(dense.bytes)
    expect(progress.map(({ stage }) => stage)).toEqual(
      expect.arrayContaining(['opening', 'writing', 'comparing']),
    )
    expect(sent).toHaveBeenCalledWith('models:changed', { projectId })
  })

  it('exports caffemodels, read back bit for bit', async () => {
    const masked = await exportAs('caffemodel')
    const plain = await exportAs('caffemodel-plain')
    expect(masked?.verification).toMatchObject({ kind: 'read-back', images: 10_000 })
    if (masked?.verification.kind !== 'read-back') throw new Error('not read back')
    expect(masked.verification.masks).toBe(masked.verification.values)
    expect(plain?.verification).toMatchObject({
      masks: 0,
      accuracyEngine: masked.verification.accuracyEngine,
    })
    expect(plain?.bytes).toBeLessThan(masked.bytes)
  })

  it('notices a caffemodel that was changed since', async () => {
    const model = await exportAs('caffemodel')
    if (model === null) throw new Error('cancelled')
    const address = { projectId, runId, modelId: model.id }
    expect((await models.verify(address, 'job-2')).verification.kind).toBe('read-back')
    const bytes = readFileSync(model.file)
    bytes[Math.floor(bytes.length / 2)] ^= 0x40
    writeFileSync(model.file, bytes)
    await expect(models.verify(address, 'job-2')).rejects.toMatchObject({ code: 'verification-failed' })
  })

  it('exports a named checkpoint, and the promoted one where none is named', async () => {
    const [, older] = await models.checkpoints({ projectId, runId })
    expect((await exportAs('onnx', { checkpoint: older.name }))?.checkpoint?.name).toBe(older.name)
    const promoted = await models.promote({ projectId, runId }, older.name, true)
    expect(promoted.map((info) => info.promoted)).toEqual([false, true, false])
    expect((await exportAs('onnx'))?.checkpoint?.name).toBe(older.name)
    await models.promote({ projectId, runId }, older.name, false)
  })

  it('saves where the user says, or not at all', async () => {
    saveTo = null
    const before = (await models.ofRun({ projectId, runId })).exports.length
    expect(await exportAs('onnx', { saveTitle: 'Save' })).toBeNull()
    expect((await models.ofRun({ projectId, runId })).exports.length).toBe(before)
    saveTo = path.join(root, 'elsewhere.onnx')
    const saved = await exportAs('onnx', { saveTitle: 'Save' })
    expect(saved).toMatchObject({ file: saveTo, ownFile: false })
    renameSync(saveTo, `${saveTo}.moved`)
    const [newest] = (await models.ofRun({ projectId, runId })).exports
    expect(newest).toMatchObject({ id: saved?.id, missing: true })
  })

  it('stops when told to, and leaves nothing', async () => {
    const before = (await models.ofRun({ projectId, runId })).exports.length
    onProgress = ({ stage }) => {
      if (stage === 'comparing') cancelling.cancel('job-1')
    }
    await expect(exportAs('onnx')).rejects.toThrow()
    onProgress = () => undefined
    expect((await models.ofRun({ projectId, runId })).exports.length).toBe(before)
  })

  it('makes the reference once, and measures', async () => {
    const reference = await models.prepareReference(projectId, 'job-3')
    expect(reference.sparsity.compression).toBe(1)
    expect(reference.caffemodel.gzipBytes).toBeGreaterThan(0)
    expect((await models.prepareReference(projectId, 'job-3')).created).toBe(reference.created)
    const latency = await models.measure({ projectId, modelId: 'reference' }, 'job-4')
    expect(latency.lowMs).toBeLessThanOrEqual(latency.medianMs)
    const listed = await models.list(projectId)
    expect(listed.reference?.latency?.medianMs).toBe(latency.medianMs)
    expect(listed.runs).toHaveLength(1)
  })

  it('tries single images on both', async () => {
    const [model] = (await models.ofRun({ projectId, runId })).exports.filter(
      ({ format, missing }) => format === 'onnx' && !missing,
    )
    const net = await tries.net(projectId)
    expect(net).toMatchObject({ inputShape: [1, 28, 28], input: 'data', classes: null })
    const image = await tries.image(projectId, 0)
    expect(image.label).toBe(7)
    const answer = await tries.predict(projectId, image.pixels, { runId, modelId: model.id })
    expect(answer.seen[300]).toBeCloseTo(image.pixels[300] * 0.00390625)
    const [output] = answer.original.outputs
    if (output.kind !== 'classes') throw new Error('no classes')
    expect(output.probabilities).toBe(true)
    expect(output.top).toHaveLength(5)
    expect(answer.pruned?.outputs).toHaveLength(1)
    await expect(tries.image(projectId, 10_000)).rejects.toMatchObject({ code: 'no-such-image' })
    const pictures = await tries.thumbnails(projectId, [3, 1])
    expect(pictures.map(({ index, width }) => [index, width])).toEqual([
      [3, 28],
      [1, 28],
    ])
  })

  it('compares both on the whole test set, and remembers', async () => {
    const [model] = (await models.ofRun({ projectId, runId })).exports.filter(
      ({ format, missing }) => format === 'onnx' && !missing,
    )
    const address = { projectId, runId, modelId: model.id }
    expect(await tries.knownClasses(address)).toBeNull()
    const found = await tries.classAccuracy(address, 'job-5')
    if (model.verification.kind !== 'onnxruntime') throw new Error('not verified')
    expect(found.images).toBe(10_000)
    expect(found.classes.reduce((sum, { images }) => sum + images, 0)).toBe(10_000)
    expect(found.accuracyAfter).toBe(model.verification.accuracyOnnx)
    const gained = found.changed.filter(({ label, after }) => label === after).length
    const lost = found.changed.length - gained
    expect(Math.round(10_000 * (found.accuracyAfter - found.accuracyBefore))).toBe(gained - lost)
    expect(await tries.knownClasses(address)).toEqual(found)
  })

  it('deletes what is asked for', async () => {
    const [model] = (await models.ofRun({ projectId, runId })).exports
    const { undo } = await models.delete({ projectId, runId, modelId: model.id })
    expect(undo).toBe(model.id)
    expect((await models.ofRun({ projectId, runId })).exports.map(({ id }) => id)).not.toContain(model.id)
    const [newest] = await models.checkpoints({ projectId, runId })
    await models.deleteCheckpoint({ projectId, runId }, newest.name)
    expect((await models.checkpoints({ projectId, runId })).map(({ name }) => name)).not.toContain(
      newest.name,
    )
  })

  it('takes over the one export of earlier versions', async () => {
    const run = await RunFolder.open(path.join(root, 'projects', projectId, 'runs', runId))
    const exports = path.join(run.path, 'exports')
    const [{ verification, sparsity }] = (await models.ofRun({ projectId, runId })).exports
    const { kind: _, ...verified } = verification
    const file = path.join(exports, 'old.onnx')
    writeFileSync(file, 'x')
    const old = { ...verified, file, sparsity, iteration: 60, bytes: 1, gzipBytes: 21, referenceBytes: 5000 }
    writeFileSync(path.join(exports, 'export.json'), JSON.stringify(old))
    const found = (await models.ofRun({ projectId, runId })).exports.find(({ bytes }) => bytes === 1)
    expect(found).toMatchObject({ format: 'onnx', missing: false, referenceBytes: 5000, gzipBytes: 21 })
    expect(existsSync(path.join(exports, 'export.json'))).toBe(false)
  })
})
