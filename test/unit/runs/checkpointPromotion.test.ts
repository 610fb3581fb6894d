// A promoted checkpoint stands for the run and outlives the others; what a list of checkpoints tells.

import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { afterAll, beforeEach, describe, expect, it } from 'vitest'

import { Mt19937 } from '../../../main/olmp/mt19937'
import { describeCheckpoints } from '../../../main/runs/checkpointList'
import {
  checkpointName,
  findCheckpoint,
  modelCheckpoint,
  writeCheckpoint,
  type CheckpointMetrics,
} from '../../../main/runs/checkpoints'
import { promote, readPromoted, unpromote } from '../../../main/runs/promotion'

const root = mkdtempSync(join(tmpdir(), 'olmp-promotion-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))

let folder = ''
let count = 0
beforeEach(() => {
  folder = join(root, `${++count}`)
  mkdirSync(folder)
})

interface Written {
  keep?: number
  generation?: number | null
  metrics?: CheckpointMetrics
  duringSave?: () => Promise<void>
}

const write = (iteration: number, { keep = 2, generation = null, metrics, duringSave }: Written = {}) =>
  writeCheckpoint(
    folder,
    checkpointName(iteration, generation),
    {
      formatVersion: 1,
      solverIteration: iteration,
      loop: {
        formatVersion: 1,
        iteration: iteration - 1,
        rates: [0.1],
        random: new Mt19937([iteration]).state(),
        current: null,
        reported: 0,
        seconds: { train: 1, search: 2, test: 3 },
      },
      journal: { recordsBytes: 10, logBytes: 20 },
      elapsedSeconds: 6,
      metrics,
    },
    async (file) => {
      await writeFile(file, Buffer.alloc(1000, iteration))
      await duringSave?.()
    },
    keep,
  )

const names = (): string[] =>
  readdirSync(folder)
    .filter((name) => /^\d/.test(name))
    .sort()

describe('a promoted checkpoint', () => {
  it('outlives the newer ones, and is not counted among those kept', async () => {
    await write(100)
    await promote(folder, '000000100')
    for (const iteration of [200, 300, 400]) await write(iteration)
    expect(names()).toEqual(['000000100', '000000300', '000000400'])
    await unpromote(folder)
    await write(500)
    expect(names()).toEqual(['000000400', '000000500'])
  })

  it('promoted while the next is written is kept as well', async () => {
    await write(100)
    await write(200)
    await write(300, { duringSave: () => promote(folder, '000000100') })
    expect(names()).toEqual(['000000100', '000000200', '000000300'])
  })

  it('stands for the run; resuming still goes on from the newest', async () => {
    for (const iteration of [100, 200]) await write(iteration)
    const modelName = async (name?: string) => basename((await modelCheckpoint(folder, name)).folder)
    expect(await modelName()).toBe('000000200')
    await promote(folder, '000000100')
    expect(await modelName()).toBe('000000100')
    expect(await modelName('000000200')).toBe('000000200')
    expect((await findCheckpoint(folder)).checkpoint?.folder).toBe(join(folder, '000000200'))
  })

  it('that was deleted stands for nothing any more', async () => {
    for (const iteration of [100, 200]) await write(iteration)
    await promote(folder, '000000100')
    rmSync(join(folder, '000000100'), { recursive: true })
    expect(basename((await modelCheckpoint(folder)).folder)).toBe('000000200')
  })

  it('that is damaged is refused rather than replaced by another', async () => {
    for (const iteration of [100, 200]) await write(iteration)
    await promote(folder, '000000100')
    writeFileSync(join(folder, '000000100', 'engine.state'), 'x')
    await expect(modelCheckpoint(folder)).rejects.toMatchObject({ code: 'corrupt-checkpoint' })
  })

  it('must be there', async () => {
    await expect(promote(folder, '000000100')).rejects.toMatchObject({
      code: 'unknown-checkpoint',
      file: join(folder, '000000100'),
    })
    expect(await readPromoted(folder)).toBeNull()
  })

  it('whose note is damaged ends no run, but is told when it is asked for', async () => {
    for (const iteration of [100, 200]) await write(iteration)
    writeFileSync(join(folder, 'promoted.json'), '{"check')
    await write(300)
    expect(names()).toEqual(['000000200', '000000300'])
    await expect(modelCheckpoint(folder)).rejects.toMatchObject({ code: 'damaged-promotion' })
  })
})

describe('a list of checkpoints', () => {
  it('tells metrics where they are known, newest first', async () => {
    await write(100)
    const metrics = { accuracy: 0.975, accuracyIteration: 180, compression: 40.5 }
    await write(200, { generation: 12, metrics })
    await promote(folder, '000000100')
    const listed = await describeCheckpoints({ checkpointsFolder: folder })
    expect(listed).toMatchObject([
      { name: '000000200-g000012', iteration: 200, generation: 12, promoted: false, ...metrics },
      {
        name: '000000100',
        iteration: 100,
        generation: null,
        promoted: true,
        accuracy: null,
        compression: null,
      },
    ])
    expect(listed[0].bytes).toBeGreaterThan(1000)
    expect(Date.now() - Date.parse(listed[0].savedAt)).toBeLessThan(60_000)
  })

  it('leaves out what cannot be read', async () => {
    await write(100)
    mkdirSync(join(folder, '000000300'))
    expect(await describeCheckpoints({ checkpointsFolder: folder })).toHaveLength(1)
    expect(await describeCheckpoints({ checkpointsFolder: join(folder, 'none') })).toEqual([])
  })
})
