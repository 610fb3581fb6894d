import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'

import { cancelled } from '../../../main/engine/jobs/job'
import { DataService } from '../../../main/projects/DataService'
import { ProjectService } from '../../../main/projects/ProjectService'
import { ProjectStore } from '../../../main/projects/ProjectStore'
import { Trash } from '../../../main/projects/Trash'
import type { ModelReport, RunSummary } from '../../../main/projects/types'
import type { ModelSource } from '../../../main/runs/types'
import { exampleReport } from './exampleReport'

const source: ModelSource = { folder: '/models/lenet' }

describe('ProjectService', () => {
  let root: string
  let store: ProjectStore
  let projects: ProjectService
  let data: DataService
  let report: ModelReport
  const sent = vi.fn()
  const reveal = vi.fn()
  const requireIdle = vi.fn()
  const runs: RunSummary[] = []
  const request = vi.fn()

  beforeEach(async () => {
    root = await mkdtemp(path.join(tmpdir(), 'olmp-service-'))
    for (const mock of [sent, reveal, requireIdle, request]) mock.mockReset()
    runs.length = 0
    report = exampleReport
    request.mockImplementation(async (method: string, params: { source: ModelSource }) => {
      if (method === 'inspectModel') return { ...report, source: params.source }
      if (method === 'referenceAccuracy')
        return { accuracy: 0.9773, loss: 0.1, images: 10_000, initialised: [] }
      throw new Error(`not scripted: ${method}`)
    })
    const engine = { request }
    const events = { send: sent }
    store = new ProjectStore({ folder: path.join(root, 'projects') })
    data = new DataService({ engine, store, events })
    projects = new ProjectService({
      engine,
      store,
      data,
      events,
      reveal,
      runs: { list: async () => ({ runs, unreadable: [] }), requireIdle },
      samples: { problems: [], preparing: null, create: () => store.create(report) },
      trash: new Trash({ folder: path.join(root, 'deleted'), moveToSystemTrash: async () => undefined }),
    })
  })

  afterEach(() => rm(root, { recursive: true, force: true }))

  it('gives a project the reference measured of its source before', async () => {
    expect((await projects.create(source)).referenceAccuracy).toBeNull()
    await data.measure('job', source)
    expect((await projects.create(source, 'LeNet')).referenceAccuracy).toBe(0.9773)
    const other = await projects.create({ ...source, dataTest: '/other' })
    expect(other.referenceAccuracy).toBeNull()
  })

  it('keeps a measurement with the project, and tells the window', async () => {
    const { id } = await projects.create(source)
    sent.mockReset()
    await data.measure('job', source, id)
    expect((await store.open(id)).referenceAccuracy).toBe(0.9773)
    expect(sent).toHaveBeenCalledWith('projects:changed', undefined)
  })

  it('forgets the reference where other test data is read, and only there', async () => {
    const { id } = await projects.create(source)
    await data.measure('job', source, id)
    expect((await projects.reread(id)).referenceAccuracy).toBe(0.9773)
    report = {
      ...exampleReport,
      data: [
        {
          phase: 'TEST',
          layer: 'data',
          statedSource: '',
          resolved: '/other/test_lmdb',
          entries: 10,
          shape: [1, 28, 28],
          transform: null,
          batchSize: 10,
        },
      ],
    }
    const remapped = await projects.remap(id, '/other/train_lmdb', '/other/test_lmdb')
    expect(remapped.referenceAccuracy).toBeNull()
    expect(remapped.report.source).toMatchObject({
      dataTrain: '/other/train_lmdb',
      dataTest: '/other/test_lmdb',
    })
  })

  it('renames, and refuses a name of nothing but spaces', async () => {
    const { id } = await projects.create(source)
    await projects.rename(id, '  Renamed ')
    expect((await store.open(id)).name).toBe('Renamed')
    await expect(projects.rename(id, '   ')).rejects.toMatchObject({ code: 'no-name' })
  })

  it('duplicates the model and what is known of it, not the runs', async () => {
    const { id } = await projects.create(source)
    await data.measure('job', source, id)
    const copy = await projects.duplicate(id, 'Copy')
    expect(copy).toMatchObject({ name: 'Copy', referenceAccuracy: 0.9773, lastOpened: null })
    expect(copy.id).not.toBe(id)
    expect(copy.report).toEqual((await store.open(id)).report)
  })

  it('deletes and brings back; not while a run is on', async () => {
    const { id } = await projects.create(source)
    requireIdle.mockImplementationOnce(() => {
      throw cancelled()
    })
    await expect(projects.delete(id)).rejects.toThrow()
    const { undo } = await projects.delete(id)
    expect((await projects.list()).projects).toEqual([])
    await projects.undoDelete(undo)
    expect((await projects.list()).projects.map((project) => project.id)).toEqual([id])
  })

  it('remembers what was opened last', async () => {
    const changed = vi.fn()
    const first = await projects.create(source, 'first')
    const second = await projects.create(source, 'second')
    await projects.create(source, 'never opened')
    projects.on('changed', changed)
    await projects.visit(second.id)
    await new Promise((resolve) => setTimeout(resolve, 5))
    await projects.visit(first.id)
    expect((await projects.recent(9)).map(({ name }) => name)).toEqual(['first', 'second'])
    expect(await projects.recent(1)).toHaveLength(1)
    expect(changed).toHaveBeenCalledTimes(2)
  })

  it('lists the best finished run and the one begun last', async () => {
    const { id } = await projects.create(source)
    const run = (runId: string, started: string, compression: number | null) =>
      ({
        id: runId,
        projectId: id,
        state: compression === null ? 'paused' : 'finished',
        started,
        ended: null,
        result: compression === null ? null : { compression, accuracy: 0.97 },
      }) as unknown as RunSummary
    runs.push(run('a', '2026-01-01', 90), run('b', '2026-01-03', 80), run('c', '2026-01-02', null))
    const [item] = (await projects.list()).projects
    expect(item.best).toEqual({ runId: 'a', compression: 90, accuracy: 0.97 })
    expect(item.lastRun).toEqual({ runId: 'b', state: 'finished', started: '2026-01-03', ended: null })
    expect(item.sketch).toEqual([{ kind: 'inner-product', name: 'ip1', shape: [300], parameters: 235_500 }])
  })

  it('gives up reading a folder when another is asked for', async () => {
    let signalOfFirst: AbortSignal | undefined
    request.mockImplementationOnce((_method, _params, _tell, signal: AbortSignal) => {
      signalOfFirst = signal
      return new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(cancelled())))
    })
    const first = projects.inspect(source)
    const second = projects.inspect({ folder: '/models/other' })
    await expect(first).rejects.toMatchObject({ code: 'cancelled' })
    expect(signalOfFirst?.aborted).toBe(true)
    expect((await second).source.folder).toBe('/models/other')
  })

  it('shows the folders it is asked for', async () => {
    const { id } = await projects.create(source)
    await projects.reveal(id, 'model')
    await projects.reveal(id, 'project')
    expect(reveal.mock.calls).toEqual([['/models/lenet'], [store.folderOf(id)]])
  })
})
