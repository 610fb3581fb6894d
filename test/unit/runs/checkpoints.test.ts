import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeEach, describe, expect, it } from 'vitest'

import {
  checkpointName,
  clearUp,
  findCheckpoint,
  listCheckpoints,
  writeCheckpoint,
  type CheckpointContent,
} from '../../../main/runs/checkpoints'
import { Mt19937 } from '../../../main/olmp/mt19937'

const root = mkdtempSync(join(tmpdir(), 'olmp-checkpoints-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))

let folder = ''
let count = 0
beforeEach(() => {
  folder = join(root, `${++count}`)
  mkdirSync(folder)
})

function content(solverIteration: number): CheckpointContent {
  return {
    formatVersion: 1,
    solverIteration,
    loop: {
      formatVersion: 1,
      iteration: solverIteration - 1,
      rates: [0.1, 2],
      random: new Mt19937([solverIteration]).state(),
      current: null,
      reported: 0,
      seconds: { train: 1, search: 2, test: 3 },
    },
    journal: { recordsBytes: 10, logBytes: 20 },
    elapsedSeconds: 6,
  }
}

const write = (iteration: number, keep = 3, generation: number | null = null, bytes = 1000) =>
  writeCheckpoint(
    folder,
    checkpointName(iteration, generation),
    content(iteration),
    (file) => writeFile(file, Buffer.alloc(bytes, iteration)),
    keep,
  )

const names = (): string[] => readdirSync(folder).sort()

describe('checkpoints', () => {
  it('come back as written', async () => {
    const written = await write(1200)
    const { checkpoint, passedOver } = await findCheckpoint(folder)
    expect(checkpoint).toEqual(written)
    expect(checkpoint?.content).toEqual(content(1200))
    expect(passedOver).toEqual([])
    expect(readdirSync(join(folder, '000001200')).sort()).toEqual([
      'engine.state',
      'loop.json',
      'manifest.json',
    ])
  })

  it('hold the run as it was when its state was saved, though it goes on from there', async () => {
    const live = content(1200)
    const goesOn = async (file: string): Promise<void> => {
      await writeFile(file, Buffer.alloc(10))
      live.elapsedSeconds = 99
      if ('rates' in live.loop) live.loop.rates[0] = 7
    }
    await writeCheckpoint(folder, checkpointName(1200, null), live, goesOn, 3)
    expect((await findCheckpoint(folder)).checkpoint?.content).toEqual(content(1200))
  })

  it('keep the newest few, a search in progress after its iteration', async () => {
    for (const iteration of [100, 200, 300]) await write(iteration, 2)
    expect(names()).toEqual(['000000200', '000000300'])
    await write(300, 2, 17)
    expect(names()).toEqual(['000000300', '000000300-g000017'])
    expect((await findCheckpoint(folder)).checkpoint?.folder).toBe(join(folder, '000000300-g000017'))
    expect(await listCheckpoints(folder)).toEqual(
      ['000000300-g000017', '000000300'].map((name) => join(folder, name)),
    )
    await write(400, 0)
    expect(names()).toEqual(['000000400'])
  })

  it('of the same name replace one another', async () => {
    await write(100)
    await write(100, 3, null, 5)
    expect(readFileSync(join(folder, '000000100', 'engine.state')).length).toBe(5)
    expect(names()).toEqual(['000000100'])
  })

  it.each<[string, (checkpoint: string) => void, RegExp]>([
    [
      'cut short',
      (at) => writeFileSync(join(at, 'engine.state'), 'x'),
      /engine.state has 1 bytes instead of 1000/,
    ],
    [
      'with a flipped bit',
      (at) => {
        const bytes = readFileSync(join(at, 'engine.state'))
        bytes[500] ^= 1
        writeFileSync(join(at, 'engine.state'), bytes)
      },
      /engine.state does not match its checksum/,
    ],
    ['without the engine state', (at) => rmSync(join(at, 'engine.state')), /engine.state is missing/],
    ['without a manifest', (at) => rmSync(join(at, 'manifest.json')), /manifest.json is missing/],
    [
      'with half a manifest',
      (at) => writeFileSync(join(at, 'manifest.json'), '{"files"'),
      /is not valid JSON/,
    ],
    ['with a strange manifest', (at) => writeFileSync(join(at, 'manifest.json'), 'null'), /manifest/],
  ])('%s are passed over with the reason', async (_name, damage, reason) => {
    const good = await write(100)
    const bad = await write(200)
    damage(bad.folder)
    const recovery = await findCheckpoint(folder)
    expect(recovery.checkpoint).toEqual(good)
    expect(recovery.passedOver).toEqual([{ folder: bad.folder, reason: expect.stringMatching(reason) }])
  })

  it('that are damaged make room: a new one never counts behind them', async () => {
    for (const iteration of [200, 300]) {
      const { folder: bad } = await write(iteration)
      rmSync(join(bad, 'manifest.json'))
    }
    mkdirSync(join(folder, '.000000400.77.tmp'))
    const { checkpoint, passedOver } = await findCheckpoint(folder)
    expect(checkpoint).toBeNull()
    await clearUp(folder, passedOver)
    expect(names()).toEqual(['damaged-000000200', 'damaged-000000300'])
    await write(150, 2)
    expect((await findCheckpoint(folder)).checkpoint?.content.solverIteration).toBe(150)
  })

  it.each([
    [Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' }), 'disk-full'],
    [
      Object.assign(new Error('write failed: No space left on device'), { code: 'write-failed' }),
      'disk-full',
    ],
    [Object.assign(new Error('EROFS: read-only file system'), { code: 'EROFS' }), 'read-only-folder'],
    [Object.assign(new Error('EACCES: permission denied'), { code: 'EACCES' }), 'read-only-folder'],
  ])('that fail to be written (%s) leave the earlier ones', async (error, code) => {
    const good = await write(100, 1)
    const failing = writeCheckpoint(
      folder,
      checkpointName(200, null),
      content(200),
      async (file) => {
        writeFileSync(file, 'half')
        throw error
      },
      1,
    )
    await expect(failing).rejects.toMatchObject({ code, file: join(folder, '000000200') })
    expect(names()).toEqual(['000000100'])
    expect((await findCheckpoint(folder)).checkpoint).toEqual(good)
  })

  it('survive a disk that is really full', async (context) => {
    const disk = join(root, 'disk')
    mkdirSync(disk)
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', disk], { stdio: 'ignore' })
    } catch {
      console.warn('SKIPPED: no right to mount a small file system')
      context.skip()
    }
    try {
      folder = join(disk, 'checkpoints')
      mkdirSync(folder)
      const good = await write(100, 2, null, 100_000)
      await expect(write(200, 2, null, 200_000)).rejects.toMatchObject({
        code: 'disk-full',
        hint: 'free some space, then resume the run',
      })
      expect(names()).toEqual(['000000100'])
      expect((await findCheckpoint(folder)).checkpoint).toEqual(good)
      execFileSync('mount', ['-o', 'remount,ro', disk])
      await expect(write(300)).rejects.toMatchObject({ code: 'read-only-folder' })
      expect((await findCheckpoint(folder)).checkpoint).toEqual(good)
    } finally {
      execFileSync('umount', [disk])
    }
  })
})
