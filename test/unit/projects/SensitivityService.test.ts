// Sensitivity of projects: kept beside them, known by their weights, cancelled without a trace.

import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'

import { afterEach, beforeEach, describe, expect, it } from 'vitest'

import type { EngineProcess } from '../../../main/engine/EngineProcess'
import { AppError, type ErrorRecord } from '../../../main/net/errors'
import type { SensitivityProgress, SensitivityState } from '../../../main/projects/netTypes'
import { ProjectStore } from '../../../main/projects/ProjectStore'
import { SensitivityService } from '../../../main/projects/SensitivityService'
import { exampleReport } from './exampleReport'

const layers = [{ layer: 'ip1', points: [{ rate: -1, density: 1, accuracy: 0.98 }] }]
const measured = { images: 1000, testImages: 10_000, referenceAccuracy: 0.98, layers }
const progress: SensitivityProgress = { done: 1, total: 18, images: 1000, referenceAccuracy: 0.98, layers }

type Work = (tell: (progress: SensitivityProgress) => void, signal: AbortSignal) => Promise<typeof measured>

describe('SensitivityService', () => {
  let root: string
  let weights: string
  let projectId: string
  let store: ProjectStore
  let states: SensitivityState[]
  let failures: ErrorRecord[]

  beforeEach(async () => {
    root = await mkdtemp(path.join(tmpdir(), 'olmp-sensitivity-'))
    weights = path.join(root, 'net.caffemodel')
    await writeFile(weights, 'weights')
    store = new ProjectStore({ folder: path.join(root, 'projects') })
    const files = [{ role: 'weights' as const, chosen: weights, candidates: [] }]
    projectId = (await store.create({ ...exampleReport, files })).id
    states = []
    failures = []
  })
  afterEach(() => rm(root, { recursive: true }))

  function serviceThat(work: Work): SensitivityService {
    const request = (_method: string, _params: unknown, tell: never, signal: AbortSignal) =>
      work(tell, signal)
    return new SensitivityService({
      engine: { request } as unknown as Pick<EngineProcess, 'request'>,
      store,
      events: {
        send(name: string, payload: SensitivityState | { error: ErrorRecord }) {
          if ('error' in payload) failures.push(payload.error)
          else if (name === 'sensitivity:changed') states.push(payload)
        },
      },
      threads: () => 2,
    })
  }
  const ended = () => expect.poll(() => states.at(-1)?.progress).toBe(null)

  const untilAborted: Work = async (tell, signal) => {
    tell(progress)
    await new Promise((resolve) => signal.addEventListener('abort', resolve))
    throw new AppError('cancelled', 'The work was cancelled.')
  }

  it('keeps what was measured, for the next start too', async () => {
    await serviceThat(async () => measured).measure(projectId, 1000)
    await ended()
    const state = await serviceThat(untilAborted).state(projectId)
    expect(state).toMatchObject({
      outdated: false,
      progress: null,
      result: { formatVersion: 1, ...measured },
    })
    expect(state.result?.weights).toMatchObject({ file: weights, bytes: 7 })
  })

  it('says when the weights have changed since', async () => {
    const service = serviceThat(async () => measured)
    await service.measure(projectId, 1000)
    await ended()
    await writeFile(weights, 'other weights')
    expect(await service.state(projectId)).toMatchObject({ outdated: true, result: measured })
  })

  it('tells the curves as they come, and measures one project at a time', async () => {
    const service = serviceThat(untilAborted)
    expect((await service.measure(projectId, 1000)).progress).not.toBe(null)
    await expect.poll(() => states.at(-1)?.progress).toEqual(progress)
    await expect(service.measure(projectId, 1000)).rejects.toMatchObject({ code: 'sensitivity-busy' })
    await service.cancel(projectId)
  })

  it('leaves what was kept when it is cancelled, and can begin again', async () => {
    await serviceThat(async () => measured).measure(projectId, 1000)
    await ended()
    const service = serviceThat(untilAborted)
    await service.measure(projectId, 5000)
    await service.cancel(projectId)
    expect(await service.state(projectId)).toMatchObject({ progress: null, result: measured })
    expect(failures).toEqual([])
    await service.measure(projectId, 5000)
    await service.cancel(projectId)
  })

  it('tells why it failed', async () => {
    const service = serviceThat(() => Promise.reject(new AppError('no-dataset', 'the TEST data is not here')))
    await service.measure(projectId, 1000)
    await ended()
    expect(failures).toMatchObject([{ code: 'no-dataset' }])
  })

  it('measures again what cannot be read', async () => {
    await writeFile(path.join(store.folderOf(projectId), 'sensitivity.json'), '{"formatVersion":1,')
    expect((await serviceThat(untilAborted).state(projectId)).result).toBe(null)
  })
})
