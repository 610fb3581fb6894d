// Runs through the app's own door, in the real engine process: the queue, pausing at once, going on, the terminal's run.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import path from 'node:path'

import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import type {
  Api,
  Project,
  ProjectDetails,
  ProjectList,
  RunAddress,
  RunHistory,
  RunSummary,
} from '../../preload/contract'
import { launchStudio, type Studio } from './launch'

const projectRoot = path.resolve(import.meta.dirname, '../..')
let studio: Studio
beforeAll(async () => {
  studio = await launchStudio()
})
afterAll(() => studio.close())

/** Answers what main answers, or throws its error. */
async function call<T>(channel: keyof Api, request?: unknown): Promise<T> {
  const answer = await studio.page.evaluate(
    ([name, value]) => {
      const { api } = window as unknown as { api: Record<string, (request: unknown) => Promise<unknown>> }
      return api[name as string](value)
    },
    [channel, request] as const,
  )
  const result = answer as { ok: true; value: T } | { ok: false; error: { code: string; message: string } }
  if (!result.ok) throw new Error(`${result.error.code}: ${result.error.message}`)
  return result.value
}

const addressOf = ({ projectId, id }: RunSummary): RunAddress => ({ projectId, runId: id })

async function until<T>(read: () => Promise<T>, wanted: (value: T) => boolean): Promise<T> {
  const end = performance.now() + 60_000
  for (;;) {
    const value = await read()
    if (wanted(value)) return value
    if (performance.now() > end) throw new Error('it did not come to that within a minute')
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

async function historyOf(run: RunSummary): Promise<RunHistory> {
  return call('runs:history', addressOf(run))
}
const stateOf = async (run: RunSummary): Promise<string> => (await historyOf(run)).summary.state

/** The one that the first start makes. */
async function firstProject(): Promise<Project> {
  const { projects } = await until(
    () => call<ProjectList>('projects:list'),
    ({ preparing, projects: found }) => preparing === null && found.length > 0,
  )
  return (await call<ProjectDetails>('projects:open', { projectId: projects[0].id })).project
}

function start(project: Project, change: object): Promise<RunSummary> {
  const settings = { ...project.report.suggested, ...change }
  return call('runs:start', { projectId: project.id, request: { settings, threads: 1 } })
}

describe('runs', () => {
  it('wait for the engine in the order wanted, end, and go on longer', { timeout: 120_000 }, async () => {
    const project = await firstProject()
    const short = {
      iterations: 300,
      pruneStop: 150,
      pruneInterval: 75,
      evaluations: 30,
      population: 10,
      testInterval: 100,
    }
    const first = await start(project, short)
    const second = await start(project, { ...short, seed: 2 })
    const third = await start(project, { ...short, seed: 3 })
    expect([first.state, second.state, third.state]).toEqual(['running', 'queued', 'queued'])
    await call('queue:move', { address: addressOf(third), index: 0 })
    const queue = await call<{ entries: RunSummary[] }>('queue:list')
    expect(queue.entries.map(({ id }) => id)).toEqual([first.id, third.id, second.id])
    await until(
      () => stateOf(second),
      (state) => state === 'finished',
    )
    const ended = await Promise.all([first, third, second].map(historyOf))
    expect(ended.map(({ summary }) => summary.state)).toEqual(['finished', 'finished', 'finished'])
    expect([...ended[0].iterations.iteration]).toEqual(Array.from({ length: 301 }, (_, i) => i))
    expect(ended[1].summary.started > ended[0].summary.started).toBe(true)
    expect(ended[2].summary.started > ended[1].summary.started).toBe(true)
    expect(ended[0].densities.layers.length).toBe(3)
    const page = await call<{ lines: unknown[]; total: number }>('runs:log', {
      address: addressOf(first),
      search: 'testing net',
      limit: 2,
    })
    expect(page.lines.length).toBe(2)
    expect(page.total).toBeGreaterThan(2)

    await call('runs:extend', { address: addressOf(first), iterations: 100 })
    await until(
      () => stateOf(first),
      (state) => state === 'finished',
    )
    const longer = await historyOf(first)
    expect(longer.summary.result?.iterations).toBe(401)
    expect(longer.iterations.iteration.length).toBe(401)
    expect(longer.summary.result?.compression).toBe(ended[0].summary.result?.compression)
    expect(studio.stderr()).not.toContain('Error')
  })

  it('pause within a second wherever they are, and go on', { timeout: 120_000 }, async () => {
    const project = await call<Project>('projects:add-sample', { sample: 'lenet-5' })
    const run = await start(project, { iterations: 2000, pruneInterval: 40, pruneStop: 1000 })
    const waits: number[] = []
    for (const pauseMs of [300, 1500]) {
      await until(
        () => historyOf(run),
        ({ progress }) => progress?.phase === 'pruning',
      )
      await new Promise((resolve) => setTimeout(resolve, pauseMs))
      const begun = performance.now()
      await call('runs:pause', addressOf(run))
      waits.push(performance.now() - begun)
      await until(
        () => stateOf(run),
        (state) => state === 'paused',
      )
      await call('runs:resume', addressOf(run))
    }
    await until(
      () => historyOf(run),
      ({ progress }) => progress?.phase === 'pruning',
    )
    await call('runs:stop', addressOf(run))
    console.log(`pausing LeNet-5 took ${waits.map((ms) => ms.toFixed(0)).join(', ')} ms`)
    expect(Math.max(...waits)).toBeLessThan(1000)
    const { iterations } = await historyOf(run)
    expect([...iterations.iteration]).toEqual(Array.from(iterations.iteration, (_, i) => i))
  })

  const cli = path.join(projectRoot, 'out/cli/index.js')
  it.skipIf(!existsSync(cli))('of the terminal are left alone', { timeout: 120_000 }, async () => {
    const { runs } = await call<{ runs: RunSummary[] }>('runs:list', {})
    const run = runs.find(({ state }) => state === 'stopped')
    if (run === undefined) throw new Error('no stopped run')
    const folder = path.join(studio.userData, 'projects', run.projectId, 'runs', run.id)
    const child = spawn(process.execPath, [path.join(projectRoot, 'scripts/olmp.mjs'), 'resume', folder], {
      stdio: 'ignore',
    })
    const ended = new Promise((resolve) => child.once('exit', resolve))
    try {
      const there = await until(
        () => historyOf(run),
        ({ summary }) => summary.state === 'running',
      )
      expect(there.summary.elsewhere).toBe(true)
      await expect(call('runs:resume', addressOf(run))).rejects.toThrow('run-in-use')
      await expect(call('runs:delete', addressOf(run))).rejects.toThrow('run-in-use')
    } finally {
      child.kill('SIGKILL')
      await ended
    }
    expect(await stateOf(run)).toBe('paused')
    await call('runs:resume', addressOf(run))
    await until(
      () => historyOf(run),
      ({ progress }) => progress?.phase === 'pruning',
    )
    const second = spawn(process.execPath, [path.join(projectRoot, 'scripts/olmp.mjs'), 'resume', folder])
    let stderr = ''
    second.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()))
    expect(await new Promise((resolve) => second.once('close', resolve))).toBe(1)
    expect(stderr).toMatch(/process \d+ is working on this run/)
    await call('runs:stop', addressOf(run))
  })
})
