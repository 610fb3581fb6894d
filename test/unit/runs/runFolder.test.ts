import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'

import { experimentSettings } from '../../../main/olmp/presets'
import { RunFolder } from '../../../main/runs/RunFolder'
import { RunLock } from '../../../main/runs/RunLock'
import type { RunRequest } from '../../../main/runs/types'
import { tinyCycles } from './tinyModel'

const root = mkdtempSync(join(tmpdir(), 'olmp-folder-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))

const request: RunRequest = {
  source: { folder: '/models/lenet' },
  settings: experimentSettings('lenet-5', 'ncs'),
  device: 'cpu',
  threads: 2,
  checkpointIntervalIterations: 1000,
  keepCheckpoints: 3,
}

describe('RunFolder', () => {
  it('is created, opened, updated and listed in order of creation', async () => {
    const parent = join(root, 'runs')
    const second = await RunFolder.create(join(parent, 'b'), request)
    await new Promise((resolve) => setTimeout(resolve, 5))
    await RunFolder.create(join(parent, 'a'), request)
    mkdirSync(join(parent, 'something-else'))
    writeFileSync(join(parent, 'a-file'), '')
    await second.update({ state: 'stopped', ended: '2026-01-01T00:00:00.000Z' })
    const listed = await RunFolder.list(parent)
    expect(listed.map((entry) => ('run' in entry ? entry.run.record.id : entry.error))).toEqual(['b', 'a'])
    const reopened = await RunFolder.open(join(parent, 'b'))
    expect(reopened.record).toEqual(second.record)
    expect(reopened.record).toMatchObject({
      formatVersion: 2,
      request,
      state: 'stopped',
      model: null,
      error: null,
    })
    expect(await reopened.readResult()).toBeNull()
    expect(await RunFolder.list(join(root, 'nowhere'))).toEqual([])
  })

  it('completes the settings of a run of before there was growth', async () => {
    const settings = tinyCycles({ kind: 'size', kept: [100] })
    const run = await RunFolder.create(join(root, 'earlier'), { ...request, settings })
    const { growth, denseLearningRate, ...earlier } = settings
    expect({ growth, denseLearningRate }).not.toEqual({ growth: undefined, denseLearningRate: undefined })
    const written = { ...run.record, request: { ...request, settings: earlier } }
    writeFileSync(join(run.path, 'run.json'), JSON.stringify(written))
    const reopened = await RunFolder.open(run.path)
    expect(reopened.record.request.settings).toEqual({ ...earlier, growth: null, denseLearningRate: null })
  })

  it('lists a run that cannot be read with the reason', async () => {
    const parent = join(root, 'damaged')
    mkdirSync(join(parent, 'half'), { recursive: true })
    writeFileSync(join(parent, 'half', 'run.json'), '{"formatVersion": 1,')
    const [entry] = await RunFolder.list(parent)
    expect(entry).toMatchObject({ error: { code: 'damaged-run', file: join(parent, 'half', 'run.json') } })
  })

  it('refuses what is no run, a newer one, and a second of the same name', async () => {
    const folder = join(root, 'newer')
    mkdirSync(folder)
    await expect(RunFolder.open(folder)).rejects.toMatchObject({
      code: 'not-a-run',
      hint: expect.any(String),
    })
    await expect(RunFolder.create(folder, request)).rejects.toMatchObject({ code: 'run-exists' })
    writeFileSync(join(folder, 'run.json'), '{"formatVersion": 9}')
    await expect(RunFolder.open(folder)).rejects.toMatchObject({ code: 'newer-run' })
    writeFileSync(join(folder, 'run.json'), '[]')
    await expect(RunFolder.open(folder)).rejects.toMatchObject({ code: 'damaged-run' })
  })

  it('shows a run whose process is gone as paused', async () => {
    const run = await RunFolder.create(join(root, 'gone'), request)
    await run.update({ state: 'running' })
    expect(await run.actualState()).toBe('paused')
    const lock = await RunLock.acquire(run.path)
    expect(await run.actualState()).toBe('running')
    await lock.release()
    expect(await run.actualState()).toBe('paused')
  })
})
