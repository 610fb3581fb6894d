import { fork, type ChildProcess } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { build } from 'vite'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import { RunLock } from '../../../main/runs/RunLock'
import { projectRoot } from '../../helpers/shared'
import type { ToLockChild } from './lockChild'

const root = mkdtempSync(join(tmpdir(), 'olmp-lock-'))
// Inside the project, where the bundle finds its packages.
const bundle = join(projectRoot, '.cache', `lock-child-${process.pid}`)
let count = 0

function newFolder(): string {
  const folder = join(root, `run-${++count}`)
  mkdirSync(folder)
  return folder
}

beforeAll(() =>
  build({
    root: projectRoot,
    configFile: false,
    logLevel: 'error',
    build: {
      ssr: join(import.meta.dirname, 'lockChild.ts'),
      outDir: bundle,
      target: 'node20',
      minify: false,
      rollupOptions: { output: { entryFileNames: 'lockChild.mjs' } },
    },
  }),
)
afterAll(() => {
  rmSync(root, { recursive: true, force: true })
  rmSync(bundle, { recursive: true, force: true })
})

const answerOf = (child: ChildProcess): Promise<number[]> =>
  new Promise((resolve, reject) => {
    child.once('message', (given) => resolve(given as number[]))
    child.once('exit', (code) => reject(new Error(`the process ended with ${code}`)))
  })

async function startChild(): Promise<ChildProcess> {
  const child = fork(join(bundle, 'lockChild.mjs'), { execArgv: [] })
  child.setMaxListeners(0)
  await answerOf(child)
  return child
}

function tell(child: ChildProcess, message: ToLockChild): Promise<number[]> {
  const answer = answerOf(child)
  child.send(message)
  return answer
}

async function killed(child: ChildProcess): Promise<void> {
  const ended = new Promise((resolve) => child.once('exit', resolve))
  child.kill('SIGKILL')
  await ended
}

describe('RunLock', () => {
  it('is held once, and free after its release', async () => {
    const folder = newFolder()
    const lock = await RunLock.acquire(folder)
    expect(JSON.parse(readFileSync(join(folder, 'lock.json'), 'utf8'))).toEqual({ pid: process.pid })
    await expect(RunLock.acquire(folder)).rejects.toMatchObject({
      code: 'run-in-use',
      message: `process ${process.pid} is working on this run`,
      hint: 'stop it there first',
    })
    expect(await RunLock.isHeld(folder)).toBe(true)
    await lock.release()
    expect(existsSync(join(folder, 'lock.json'))).toBe(false)
    expect(await RunLock.isHeld(folder)).toBe(false)
    expect(statSync(join(folder, 'run.lock')).size).toBe(0)
    await (await RunLock.acquire(folder)).release()
  })

  it('is not held where nobody ever asked, and asking leaves nothing behind', async () => {
    const folder = newFolder()
    expect(await RunLock.isHeld(folder)).toBe(false)
    expect(existsSync(join(folder, 'run.lock'))).toBe(false)
  })

  it.each([
    ['of a process that is gone', '{"pid": 999999999}'],
    ['of this very process', JSON.stringify({ pid: process.pid })],
    ['cut short', '{"pid"'],
    ['empty', ''],
  ])("an owner's name %s that was left behind does not hold", async (_name, text) => {
    const folder = newFolder()
    writeFileSync(join(folder, 'lock.json'), text)
    expect(await RunLock.isHeld(folder)).toBe(false)
    await (await RunLock.acquire(folder)).release()
  })

  it('is given while others look whether it is held', async () => {
    const folder = newFolder()
    let looking = true
    const look = async (): Promise<void> => {
      while (looking) {
        await RunLock.isHeld(folder)
        await new Promise((resolve) => setImmediate(resolve))
      }
    }
    const lookers = [look(), look(), look()]
    for (let round = 0; round < 50; round++) {
      const lock = await RunLock.acquire(folder)
      expect(await RunLock.isHeld(folder)).toBe(true)
      await lock.release()
    }
    looking = false
    await Promise.all(lookers)
  })

  it('of another process holds, and is free the moment that process is killed', async () => {
    const folder = newFolder()
    const child = await startChild()
    expect(await tell(child, { folders: [folder], asksPerFolder: 3 })).toEqual([1])
    await expect(RunLock.acquire(folder)).rejects.toMatchObject({
      code: 'run-in-use',
      message: `process ${child.pid} is working on this run`,
    })
    expect(await RunLock.isHeld(folder)).toBe(true)
    await killed(child)
    expect(await RunLock.isHeld(folder)).toBe(false)
    await (await RunLock.acquire(folder)).release()
  })

  it('is given to one of many processes that ask many times at once, 200 times over', async () => {
    const children = await Promise.all(Array.from({ length: 4 }, startChild))
    const folders = Array.from({ length: 20 }, newFolder)
    // What a killed owner leaves must not count: half of the folders start so.
    folders.slice(0, 10).forEach((folder) => writeFileSync(join(folder, 'lock.json'), '{"pid": 999999999}'))
    for (let wave = 0; wave < 10; wave++) {
      const given = await Promise.all(
        children.map((child) => tell(child, { folders, asksPerFolder: 4 } satisfies ToLockChild)),
      )
      const owners = folders.map((_, i) => given.reduce((sum, ofChild) => sum + ofChild[i], 0))
      expect(owners).toEqual(folders.map(() => 1))
      await Promise.all(children.map((child) => tell(child, 'release')))
    }
    await Promise.all(children.map(killed))
  })
})
