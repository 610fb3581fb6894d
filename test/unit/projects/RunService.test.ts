import { EventEmitter } from 'node:events'
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'

import type { EngineProcess } from '../../../main/engine/EngineProcess'
import { AppError } from '../../../main/net/errors'
import { ProjectStore } from '../../../main/projects/ProjectStore'
import { RunService } from '../../../main/projects/RunService'
import type { Project, RunSummary } from '../../../main/projects/types'
import { RunFolder } from '../../../main/runs/RunFolder'
import { JOURNAL_START, RunJournal } from '../../../main/runs/RunJournal'
import { exampleReport } from './exampleReport'

const choices = {
  searchMode: 'ncs' as const,
  delta: 0.05,
  seed: 7,
  iterations: 300,
  evaluations: 20,
  threads: 1,
}

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
  const moveToTrash = (folder: string) => rename(folder, path.join(root, 'trashed'))

  beforeEach(async () => {
    root = await mkdtemp(path.join(tmpdir(), 'olmp-runs-'))
    sent.mockReset()
    store = new ProjectStore({ folder: path.join(root, 'projects') })
    engine = new ScriptedEngine()
    const events = { send: sent }
    runs = new RunService({ engine: engine as unknown as EngineProcess, store, events, moveToTrash })
    project = await store.create(exampleReport)
  })

  afterEach(() => rm(root, { recursive: true, force: true }))

  const lastSummary = () =>
    sent.mock.calls.filter(([name]) => name === 'runs:changed').at(-1)?.[1] as RunSummary | undefined

  function folderOf({ id }: RunSummary): Promise<RunFolder> {
    return RunFolder.open(store.runFolderOf(project.id, id))
  }

  it('makes a folder with the whole of the settings, and asks the engine for it', async () => {
    const summary = await runs.start(project.id, choices)
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

  it('runs one at a time', async () => {
    const first = await runs.start(project.id, choices)
    await expect(runs.start(project.id, choices)).rejects.toMatchObject({ code: 'engine-busy' })
    await expect(runs.delete({ projectId: project.id, runId: first.id })).rejects.toMatchObject({
      code: 'run-in-use',
    })
    expect(() => runs.requireIdle(project.id)).toThrow(AppError)
  })

  it('marks a run whose engine process died as failed, with the reason, and lets it be resumed', async () => {
    const summary = await runs.start(project.id, choices)
    engine.crash()
    await vi.waitFor(() => expect(lastSummary()?.state).toBe('failed'))
    expect(lastSummary()?.error?.code).toBe('engine-crashed')
    expect(runs.engineStatus).toEqual({ state: 'crashed' })
    const resumed = await runs.resume({ projectId: project.id, runId: summary.id })
    expect(resumed).toMatchObject({ id: summary.id, state: 'running', error: null })
  })

  it('keeps the reference accuracy that a run measured', async () => {
    const summary = await runs.start(project.id, choices)
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
    await expect(runs.start(other.id, choices)).rejects.toMatchObject({
      code: 'not-compressible',
      message: obstacle,
    })
  })

  it('stops only what runs', async () => {
    const { id } = await runs.start(project.id, choices)
    await expect(runs.stop({ projectId: project.id, runId: 'another' }, 'paused')).rejects.toMatchObject({
      code: 'run-not-running',
    })
    void runs.stop({ projectId: project.id, runId: id }, 'paused')
    expect(engine.requests.at(-1)).toEqual({ method: 'stopRun', params: { state: 'paused' } })
  })

  it('reads a run back as columns', async () => {
    const summary = await runs.start(project.id, choices)
    const folder = await folderOf(summary)
    const journal = await RunJournal.open(folder, JOURNAL_START)
    const record = { iteration: 0, loss: 0.5, accuracy: NaN, learningRate: 0.01, compression: 1 }
    journal.append({ kind: 'phase', phase: 'pruning', text: 'Pruning', iteration: 0, iterations: 301 })
    journal.append({ kind: 'iterations', records: [record, { ...record, iteration: 1, compression: 2 }] })
    journal.append({
      kind: 'test',
      record: { iteration: 1, accuracy: 0.97, loss: 0.1, compression: 2, images: 10_000 },
    })
    journal.append({ kind: 'log', timeMs: 0, level: 'warning', text: 'hm' })
    await journal.sync()
    await journal.close()
    const history = await runs.history({ projectId: project.id, runId: summary.id })
    expect([...history.iterations.iteration]).toEqual([0, 1])
    expect([...history.iterations.compression]).toEqual([1, 2])
    expect([...history.iterations.accuracy]).toEqual([NaN, NaN])
    expect([...history.tests.accuracy]).toEqual([0.97])
    expect(history.log).toEqual([{ timeMs: 0, level: 'warning', text: 'hm' }])
    expect(history.progress).toEqual({ phase: 'pruning', text: 'Pruning', iteration: 1, iterations: 301 })
    expect(history.summary.state).toBe('running')
  })

  it('lists a run that cannot be read with the reason', async () => {
    const summary = await runs.start(project.id, choices)
    const file = path.join(store.runFolderOf(project.id, summary.id), 'run.json')
    await writeFile(file, '{"formatVersion": 1, ')
    const { runs: readable, unreadable } = await runs.list(project.id)
    expect(readable).toEqual([])
    expect(unreadable).toMatchObject([{ file, message: expect.any(String) }])
  })

  it('moves a deleted run to the trash', async () => {
    const { id } = await runs.start(project.id, choices)
    engine.crash()
    await vi.waitFor(() => expect(lastSummary()?.state).toBe('failed'))
    await runs.delete({ projectId: project.id, runId: id })
    expect(await runs.list(project.id)).toEqual({ runs: [], unreadable: [] })
  })
})
