import { EventEmitter } from 'node:events'
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'

import type { EngineProcess } from '../../../main/engine/EngineProcess'
import { AppError } from '../../../main/net/errors'
import { ProjectStore } from '../../../main/projects/ProjectStore'
import { RunService } from '../../../main/projects/RunService'
import type { Project, RunSummary } from '../../../main/projects/types'
import { RunFiles } from '../../../main/projects/RunFiles'
import { RunFolder } from '../../../main/runs/RunFolder'
import { JOURNAL_START, RunJournal } from '../../../main/runs/RunJournal'
import { RunLock } from '../../../main/runs/RunLock'
import { ofLength } from '../../../main/olmp/presets'
import { defaultSettings } from '../../../main/settings/types'
import { exampleReport } from './exampleReport'

const suggested = exampleReport.suggested
if (suggested === null) throw new Error('unreachable')
const wish = { settings: { ...ofLength(suggested, 300), seed: 7 }, threads: 1 }

/** An engine whose requests are answered by the test. */
class ScriptedEngine extends EventEmitter {
  readonly requests: { method: string; params: unknown }[] = []
  private waiting = new Map<string, { resolve(value: unknown): void; reject(error: Error): void }>()

  request(method: string, params: unknown): Promise<unknown> {
    this.requests.push({ method, params })
    return new Promise((resolve, reject) => this.waiting.set(method, { resolve, reject }))
  }

  answer(method: string, value: unknown): void {
    this.waiting.get(method)?.resolve(value)
  }

  refuse(method: string, error: Error): void {
    this.waiting.get(method)?.reject(error)
  }

  /** Folders of the runs asked for, by their ids. */
  get begun(): string[] {
    return this.requests.flatMap(({ method, params }) =>
      method === 'run' ? [(params as { runId: string }).runId] : [],
    )
  }

  crash(): void {
    this.waiting.get('run')?.reject(new AppError('engine-crashed', 'The engine process ended unexpectedly.'))
    this.emit('ended', true)
  }
}

describe('RunService', () => {
  let root: string
  let store: ProjectStore
  let engine: ScriptedEngine
  let runs: RunService
  let project: Project
  const sent = vi.fn()
  beforeEach(async () => {
    root = await mkdtemp(path.join(tmpdir(), 'olmp-runs-'))
    sent.mockReset()
    store = new ProjectStore({ folder: path.join(root, 'projects') })
    engine = new ScriptedEngine()
    runs = newService()
    project = await store.create(exampleReport)
  })

  afterEach(() => rm(root, { recursive: true, force: true }))

  /** As after a restart of the app, where there was one before. */
  function newService(): RunService {
    return new RunService({
      engine: engine as unknown as EngineProcess,
      store,
      events: { send: sent },
      trash: {
        async put(folder) {
          await rename(folder, path.join(root, 'trashed'))
          return 'token'
        },
      },
      settings: () => ({ ...defaultSettings, threads: 3, keepCheckpoints: 5 }),
      queueFile: path.join(root, 'queue.json'),
    })
  }
  const addressOf = ({ id }: RunSummary) => ({ projectId: project.id, runId: id })
  const waiting = async () => (await runs.listQueue()).entries.map(({ id, state }) => [id, state])

  const lastSummary = () =>
    sent.mock.calls.filter(([name]) => name === 'runs:changed').at(-1)?.[1] as RunSummary | undefined

  function folderOf({ id }: RunSummary): Promise<RunFolder> {
    return RunFolder.open(store.runFolderOf(project.id, id))
  }

  it('makes a folder with the whole of the settings, and asks the engine for it', async () => {
    const summary = await runs.start(project.id, wish)
    const { request } = (await folderOf(summary)).record
    expect(request).toMatchObject({ source: exampleReport.source, device: 'cpu', threads: 1 })
    expect(request.settings).toMatchObject({ iterations: 300, pruneStop: 150, pruneInterval: 75, seed: 7 })
    expect(engine.requests).toEqual([
      {
        method: 'run',
        params: {
          projectId: project.id,
          runId: summary.id,
          runFolder: store.runFolderOf(project.id, summary.id),
        },
      },
    ])
    expect(summary.state).toBe('running')
    expect(runs.engineStatus).toEqual({ state: 'running', projectId: project.id, runId: summary.id })
  })

  it('takes from the app’s settings what the request leaves open', async () => {
    const { threads: _, ...open } = wish
    const request = (await folderOf(await runs.start(project.id, open))).record.request
    expect(request).toMatchObject({ threads: 3, keepCheckpoints: 5, checkpointIntervalIterations: 100 })
    const stated = { ...wish, checkpointIntervalIterations: 7, keepCheckpoints: 2, parentRunId: 'older' }
    expect((await folderOf(await runs.start(project.id, stated))).record.request).toMatchObject({
      threads: 1,
      keepCheckpoints: 2,
      checkpointIntervalIterations: 7,
      parentRunId: 'older',
    })
  })

  it('refuses settings that are wrong, before there is a run', async () => {
    const settings = { ...wish.settings, delta: 7 }
    await expect(runs.start(project.id, { settings })).rejects.toMatchObject({ code: 'invalid-setting' })
    const layers = [{ name: 'conv9', prune: true }]
    await expect(runs.start(project.id, { settings: { ...wish.settings, layers } })).rejects.toMatchObject({
      code: 'invalid-setting',
      message: expect.stringContaining('conv9'),
    })
    expect((await runs.list(project.id)).runs).toEqual([])
  })

  it('runs one at a time, the others wait in an order that can be changed', async () => {
    const [first, second, third, fourth] = [
      await runs.start(project.id, wish),
      await runs.start(project.id, wish),
      await runs.start(project.id, wish),
      await runs.start(project.id, wish),
    ]
    expect(second.state).toBe('queued')
    await runs.moveInQueue(addressOf(fourth), 0)
    await runs.stop(addressOf(third), 'stopped')
    expect(await waiting()).toEqual([
      [first.id, 'running'],
      [fourth.id, 'queued'],
      [second.id, 'queued'],
    ])
    expect((await folderOf(third)).record.state).toBe('stopped')
    await expect(runs.delete(addressOf(first))).rejects.toMatchObject({ code: 'run-in-use' })
    expect(() => runs.requireIdle(project.id)).toThrow(AppError)

    await (await folderOf(first)).update({ state: 'finished' })
    engine.answer('run', { result: null })
    await vi.waitFor(() => expect(engine.begun).toEqual([first.id, fourth.id]))
    engine.refuse('run', new AppError('no-folder', 'The folder is gone.'))
    await vi.waitFor(() => expect(engine.begun).toEqual([first.id, fourth.id, second.id]))
    expect((await folderOf(fourth)).record).toMatchObject({ state: 'failed', error: { code: 'no-folder' } })
  })

  it('goes on with the next where the engine process dies', async () => {
    const first = await runs.start(project.id, wish)
    const second = await runs.start(project.id, wish)
    engine.crash()
    await vi.waitFor(() => expect(engine.begun).toEqual([first.id, second.id]))
    expect((await folderOf(first)).record.state).toBe('failed')
    expect(await waiting()).toEqual([[second.id, 'running']])
  })

  it('passes over what waits and is gone, or is worked on elsewhere', async () => {
    await runs.start(project.id, wish)
    const gone = await runs.start(project.id, wish)
    const elsewhere = await runs.start(project.id, wish)
    const last = await runs.start(project.id, wish)
    await rm(store.runFolderOf(project.id, gone.id), { recursive: true })
    const lock = await RunLock.acquire(store.runFolderOf(project.id, elsewhere.id))
    engine.answer('run', { result: null })
    await vi.waitFor(() => expect(engine.begun.at(-1)).toBe(last.id))
    expect(engine.begun.length).toBe(2)
    await lock.release()
  })

  it('holds the queue, and after a restart until the user lets it go on', async () => {
    await runs.holdQueue(true)
    const first = await runs.start(project.id, wish)
    const second = await runs.start(project.id, wish)
    expect(first.state).toBe('queued')
    await runs.moveInQueue(addressOf(second), 0)

    runs = newService()
    expect(await runs.listQueue()).toMatchObject({
      held: true,
      entries: [
        { id: second.id, state: 'queued' },
        { id: first.id, state: 'queued' },
      ],
    })
    expect(engine.begun).toEqual([])
    await runs.holdQueue(false)
    expect(engine.begun).toEqual([second.id])
    expect(JSON.parse(await readFile(path.join(root, 'queue.json'), 'utf8'))).toEqual({
      formatVersion: 1,
      entries: [addressOf(first)],
    })
    await writeFile(path.join(root, 'queue.json'), '{"formatV')
    runs = newService()
    expect(await runs.listQueue()).toEqual({ held: false, entries: [] })
    expect((await runs.library.summary(addressOf(first))).state).toBe('paused')
  })

  it('begins nothing more once the app is closing', async () => {
    const first = await runs.start(project.id, wish)
    await runs.start(project.id, wish)
    runs.close()
    await (await folderOf(first)).update({ state: 'paused' })
    engine.answer('run', { result: null })
    await vi.waitFor(() => expect(lastSummary()).toMatchObject({ id: first.id, state: 'paused' }))
    expect(engine.begun).toEqual([first.id])
  })

  it('leaves a run alone that another process works on, and shows it running there', async () => {
    const summary = await runs.start(project.id, wish)
    const run = await folderOf(summary)
    await run.update({ state: 'paused' })
    engine.answer('run', { result: null })
    await vi.waitFor(() => expect(lastSummary()?.state).toBe('paused'))
    const lock = await RunLock.acquire(run.path)
    await run.update({ state: 'running' })
    expect((await runs.list(project.id)).runs).toMatchObject([{ state: 'running', elsewhere: true }])
    const refusal = { code: 'run-in-use', hint: 'Stop it there first.' }
    await expect(runs.resume(addressOf(summary))).rejects.toMatchObject(refusal)
    await expect(runs.extend(addressOf(summary), 10)).rejects.toMatchObject(refusal)
    await expect(runs.delete(addressOf(summary))).rejects.toMatchObject(refusal)
    await expect(runs.stop(addressOf(summary), 'paused')).rejects.toMatchObject({ code: 'run-not-running' })
    await lock.release()
    expect((await runs.resume(addressOf(summary))).elsewhere).toBe(false)
    // Taken by another in the moment between: its record is not ours to write.
    await run.update({ state: 'running' })
    engine.refuse('run', new AppError('run-in-use', 'process 1 is working on this run'))
    await vi.waitFor(() => expect(runs.engineStatus.state).toBe('idle'))
    expect((await folderOf(summary)).record).toMatchObject({ state: 'running', error: null })
  })

  it('extends a finished run from its last checkpoint', async () => {
    const summary = await runs.start(project.id, wish)
    const run = await folderOf(summary)
    await run.update({ state: 'finished' })
    engine.answer('run', { result: null })
    await vi.waitFor(() => expect(runs.engineStatus.state).toBe('idle'))
    await expect(runs.extend(addressOf(summary), 50)).rejects.toMatchObject({ code: 'no-checkpoint' })
    await mkdir(path.join(run.checkpointsFolder, '000000301'))
    expect(await runs.extend(addressOf(summary), 50)).toMatchObject({ state: 'running', iterations: 350 })
    expect(engine.begun).toEqual([summary.id, summary.id])
  })

  it('keeps name, notes and tags beside a run that goes on, and tells of them', async () => {
    const summary = await runs.start(project.id, { ...wish, name: 'first try' })
    expect(summary).toMatchObject({ name: 'first try', notes: '', tags: [] })
    const change = { notes: 'two\nlines', tags: ['a', ' a ', '', 'b'] }
    await runs.annotate(addressOf(summary), change)
    expect(lastSummary()).toMatchObject({ name: 'first try', notes: 'two\nlines', tags: ['a', 'b'] })
    await runs.annotate(addressOf(summary), { name: '' })
    expect((await runs.list()).runs).toMatchObject([
      { name: '', tags: ['a', 'b'], projectName: project.name, projectId: project.id },
    ])
  })

  it('tells when the engine is busy', async () => {
    const told: boolean[] = []
    runs.on('activity', ({ busy }) => told.push(busy))
    await runs.start(project.id, wish)
    engine.answer('run', { result: null })
    await vi.waitFor(() => expect(told).toEqual([true, false]))
  })

  it('marks a run whose engine process died as failed, with the reason, and lets it be resumed', async () => {
    const summary = await runs.start(project.id, wish)
    engine.crash()
    await vi.waitFor(() => expect(lastSummary()?.state).toBe('failed'))
    expect(lastSummary()?.error?.code).toBe('engine-crashed')
    expect(runs.engineStatus).toEqual({ state: 'crashed' })
    const resumed = await runs.resume({ projectId: project.id, runId: summary.id })
    expect(resumed).toMatchObject({ id: summary.id, state: 'running', error: null })
  })

  it('keeps the reference accuracy that a run measured', async () => {
    const summary = await runs.start(project.id, wish)
    const folder = await folderOf(summary)
    await folder.update({
      state: 'finished',
      model: {
        name: 'LeNet',
        netFile: null,
        solverFile: null,
        weightsFile: null,
        prunableLayers: ['ip1'],
        prunableParameters: 266_610,
        trainImages: 60_000,
        testImages: 10_000,
        referenceAccuracy: 0.9773,
      },
    })
    engine.answer('run', { result: null })
    await vi.waitFor(async () => expect((await store.open(project.id)).referenceAccuracy).toBe(0.9773))
    await expect(runs.resume({ projectId: project.id, runId: summary.id })).rejects.toMatchObject({
      code: 'run-finished',
    })
  })

  it('refuses what cannot be compressed, in the report’s own words', async () => {
    const obstacle = 'There is no solver in the folder.'
    const other = await store.create({ ...exampleReport, suggested: null, obstacle })
    await expect(runs.start(other.id, wish)).rejects.toMatchObject({
      code: 'not-compressible',
      message: obstacle,
    })
  })

  it('stops only what runs', async () => {
    const { id } = await runs.start(project.id, wish)
    await expect(runs.stop({ projectId: project.id, runId: 'another' }, 'paused')).rejects.toMatchObject({
      code: 'run-not-running',
    })
    void runs.stop({ projectId: project.id, runId: id }, 'paused')
    expect(engine.requests.at(-1)).toEqual({ method: 'stopRun', params: { state: 'paused' } })
  })

  it('reads a run back as columns, and writes them out', async () => {
    const summary = await runs.start(project.id, { ...wish, name: 'a "name"' })
    const folder = await folderOf(summary)
    const journal = await RunJournal.open(folder.historyFile, JOURNAL_START)
    const record = { iteration: 0, loss: 0.5, accuracy: NaN, learningRate: 0.01, compression: 1 }
    const test = { accuracy: 0.97, loss: 0.1, compression: 2, images: 10_000 }
    journal.append({ kind: 'phase', phase: 'pruning', text: 'Pruning', iteration: 0, iterations: 301 })
    journal.append({ kind: 'test', record: { ...test, iteration: 0 } })
    await journal.sync()
    expect((await runs.library.summary(addressOf(summary))).latest).toBeNull()
    journal.append({ kind: 'iterations', records: [record, { ...record, iteration: 1, compression: 2 }] })
    journal.append({ kind: 'test', record: { ...test, iteration: 1 } })
    journal.append({ kind: 'log', timeMs: 0, level: 'warning', text: 'hm' })
    await journal.sync()
    // still being written
    const history = await runs.library.history(addressOf(summary))
    await journal.close()
    expect([...history.iterations.iteration]).toEqual([0, 1])
    expect([...history.iterations.compression]).toEqual([1, 2])
    expect([...history.iterations.accuracy]).toEqual([NaN, NaN])
    expect([...history.tests.accuracy]).toEqual([0.97, 0.97])
    expect(history.log).toEqual([{ number: 1, timeMs: 0, level: 'warning', text: 'hm' }])
    expect(history.progress).toEqual({ phase: 'pruning', text: 'Pruning', iteration: 1, iterations: 301 })
    expect(history.summary).toMatchObject({
      state: 'running',
      progress: { iteration: 1, iterations: 301 },
      latest: { iteration: 1, accuracy: 0.97, compression: 2 },
    })
    expect(await runs.library.request(addressOf(summary))).toMatchObject({ request: history.request })

    const chosen = vi.fn(async ({ name }: { name: string }) => path.join(root, name))
    const files = new RunFiles({ library: runs.library, chooseSaveFile: chosen })
    const csv = await files.saveMetrics([addressOf(summary)])
    expect(csv).toBe(path.join(root, 'LeNet-a-name.csv'))
    const rows = (await readFile(csv ?? '', 'utf8')).split('\n')
    expect(rows.length).toBe(4)
    expect(rows[2]).toContain('"a ""name"""')
    const log = await files.saveLog(addressOf(summary))
    expect(await readFile(log ?? '', 'utf8')).toBe('1970-01-01T00:00:00.000Z warning: hm\n')
    const cancelled = new RunFiles({ library: runs.library, chooseSaveFile: async () => null })
    expect(await cancelled.saveMetrics([addressOf(summary)])).toBeNull()
  })

  it('shows a run whose history is damaged, and says so', async () => {
    const good = await runs.start(project.id, wish)
    const bad = await runs.start(project.id, wish)
    await writeFile((await folderOf(bad)).historyFile, 'not a database '.repeat(1000))
    const history = await runs.library.history(addressOf(bad))
    expect(history).toMatchObject({ summary: { state: 'queued' }, problem: { code: 'damaged-history' } })
    expect((await runs.list(project.id)).runs.length).toBe(2)
    const { series, unreadable } = await runs.library.series([addressOf(good), addressOf(bad)], 100)
    expect([series.length, unreadable.map(({ code }) => code)]).toEqual([1, ['damaged-history']])
  })

  it('lists a run that cannot be read with the reason', async () => {
    const summary = await runs.start(project.id, wish)
    const file = path.join(store.runFolderOf(project.id, summary.id), 'run.json')
    await writeFile(file, '{"formatVersion": 1, ')
    const { runs: readable, unreadable } = await runs.list(project.id)
    expect(readable).toEqual([])
    expect(unreadable).toMatchObject([{ file, message: expect.any(String) }])
  })

  it('moves a deleted run to the trash', async () => {
    const { id } = await runs.start(project.id, wish)
    engine.crash()
    await vi.waitFor(() => expect(lastSummary()?.state).toBe('failed'))
    await runs.delete({ projectId: project.id, runId: id })
    expect(await runs.list(project.id)).toEqual({ runs: [], unreadable: [] })
  })
})
