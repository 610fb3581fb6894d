// The app's end and its next start, with a real run: closing asks, the background, a second start, the machine awake,
// another data folder.

import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'

import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import type {
  Api,
  ProjectDetails,
  ProjectList,
  QueueList,
  RunHistory,
  RunSummary,
  SettingsState,
} from '../../preload/contract'
import { launchStudio, startOf, type Studio } from './launch'

/** What main was seen to do, kept in main. */
interface Seen {
  questions: number
  /** Ids of the system's blockers that were started. */
  blockers: { id: number; type: string }[]
  /** Given to the taskbar. */
  progress: number[]
}

const patience = { timeout: 60_000 }

let studio: Studio
/** The data folder of the settings' default, which is the user data folder. */
let userData: string
let projectId: string

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

/** The projects, once the sample is among them. */
async function listProjects(): Promise<ProjectList['projects']> {
  for (;;) {
    const { preparing, projects } = await call<ProjectList>('projects:list')
    if (preparing === null && projects.length > 0) return projects
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}
const projectNames = async () => (await listProjects()).map(({ name }) => name)

async function startRun(change: object): Promise<RunSummary> {
  const { project } = await call<ProjectDetails>('projects:open', { projectId })
  const settings = { ...project.report.suggested, evaluations: 30, population: 10, ...change }
  return call('runs:start', { projectId, request: { settings, threads: 1 } })
}

const historyOf = ({ id }: RunSummary) => call<RunHistory>('runs:history', { projectId, runId: id })
const stateOf = async (run: RunSummary) => (await historyOf(run)).summary.state
const iterationsOf = async (run: RunSummary) => (await historyOf(run)).iterations.iteration.length

/** Main's side watched, and the question at the window's end answered with the button of this index. */
function watchMain(): Promise<void> {
  return studio.app.evaluate(({ BrowserWindow, dialog, powerSaveBlocker }) => {
    const seen: Seen = { questions: 0, blockers: [], progress: [] }
    Object.assign(globalThis, { seen, response: 2 })
    dialog.showMessageBox = () => {
      seen.questions++
      const response = Reflect.get(globalThis, 'response') as number
      return Promise.resolve({ response, checkboxChecked: false })
    }
    const start = powerSaveBlocker.start.bind(powerSaveBlocker)
    powerSaveBlocker.start = (type) => {
      const id = start(type)
      seen.blockers.push({ id, type })
      return id
    }
    const [window] = BrowserWindow.getAllWindows()
    const setProgressBar = window.setProgressBar.bind(window)
    window.setProgressBar = (fraction) => {
      seen.progress.push(fraction)
      setProgressBar(fraction)
    }
  })
}

const seen = () => studio.app.evaluate(() => Reflect.get(globalThis, 'seen') as Seen)

const isHeldAwake = () =>
  studio.app.evaluate(({ powerSaveBlocker }) =>
    (Reflect.get(globalThis, 'seen') as Seen).blockers.some(({ id }) => powerSaveBlocker.isStarted(id)),
  )

/** As the window's own button does. */
async function closeWindow(answer: 'pause-and-quit' | 'hide' | 'cancel'): Promise<void> {
  await studio.app.evaluate(({ BrowserWindow }, response) => {
    Object.assign(globalThis, { response })
    BrowserWindow.getAllWindows()[0].close()
  }, ['pause-and-quit', 'hide', 'cancel'].indexOf(answer))
}

const isVisible = () =>
  studio.app.evaluate(({ BrowserWindow }) => BrowserWindow.getAllWindows()[0].isVisible())

const ended = ({ app }: Studio) => new Promise<void>((resolve) => app.process().once('exit', () => resolve()))

/** The app started once more from a folder, as a user does who does not know that it runs; its exit code. */
function startAgain(workingFolder: string, ...named: string[]): Promise<number | null> {
  const { executablePath, args, env } = startOf(userData)
  const second = spawn(executablePath, [...args, ...named], { env, cwd: workingFolder, stdio: 'ignore' })
  return new Promise((resolve, reject) => second.once('exit', resolve).once('error', reject))
}

/** Asking begins once the window is drawn: before its page is there, it has no door to main. */
async function launch(folder?: string): Promise<void> {
  studio = await launchStudio(folder)
  await studio.page.getByRole('link', { name: 'Settings' }).waitFor()
}

beforeAll(async () => {
  await launch()
  userData = studio.userData
  projectId = (await listProjects())[0].id
  await watchMain()
})

afterAll(() => studio.close())

describe('while a run is on', () => {
  let run: RunSummary

  it('the machine stays awake and the taskbar follows, until it ends; the hidden window comes back', async () => {
    expect((await seen()).blockers).toEqual([])
    const short = await startRun({
      iterations: 3000,
      pruneStop: 600,
      pruneInterval: 200,
      testInterval: 250,
    })
    await expect.poll(isHeldAwake, patience).toBe(true)
    await closeWindow('hide')
    await expect.poll(isVisible, patience).toBe(false)
    expect(await stateOf(short)).toBe('running')
    await expect.poll(isVisible, patience).toBe(true)
    await expect.poll(() => stateOf(short), patience).toBe('finished')
    await expect.poll(isHeldAwake, patience).toBe(false)
    const { blockers, progress } = await seen()
    expect(blockers.map(({ type }) => type)).toEqual(['prevent-app-suspension'])
    expect(progress[0]).toBe(0)
    const between = progress.filter((fraction) => fraction > 0)
    expect(between.length).toBeGreaterThan(0)
    expect(Math.max(...between)).toBeLessThanOrEqual(1)
    expect(progress.at(-1)).toBe(-1)
  })

  it('closing asks, and Cancel changes nothing', async () => {
    run = await startRun({ iterations: 1_000_000, testInterval: 5000 })
    await expect.poll(() => iterationsOf(run), patience).toBeGreaterThan(0)
    const { questions } = await seen()
    await closeWindow('cancel')
    await expect.poll(async () => (await seen()).questions, patience).toBe(questions + 1)
    expect(await isVisible()).toBe(true)
    expect(await stateOf(run)).toBe('running')
  })

  it('it goes on in the background, and a second start brings the window back', async () => {
    await closeWindow('hide')
    await expect.poll(isVisible, patience).toBe(false)
    const before = await iterationsOf(run)
    await expect.poll(() => iterationsOf(run), patience).toBeGreaterThan(before)
    expect(await startAgain(tmpdir())).toBe(0)
    await expect.poll(isVisible, patience).toBe(true)
    expect(studio.app.windows().length).toBe(1)
  })

  it('a second start with a folder opens its import in the first window', async () => {
    // as in a terminal: named from where one is
    expect(await startAgain(path.join(userData, 'samples'), 'lenet-300-100')).toBe(0)
    const folder = path.join(userData, 'samples/lenet-300-100')
    await expect.poll(() => decodeURIComponent(studio.page.url()), patience).toContain(`folder=${folder}`)
    await studio.page.getByText('266,610').first().waitFor()
    expect(studio.app.windows().length).toBe(1)
  })

  it('it is paused by quitting, and goes on at the next start', async () => {
    expect(studio.pageErrors).toEqual([])
    const exit = ended(studio)
    await closeWindow('pause-and-quit')
    await exit
    await launch(userData)
    expect(await stateOf(run)).toBe('paused')
    const kept = await iterationsOf(run)
    expect(kept).toBeGreaterThan(0)
    const resumed = await call<RunSummary>('runs:resume', { projectId, runId: run.id })
    expect(resumed.state).toBe('running')
    await expect.poll(() => iterationsOf(run), patience).toBeGreaterThan(kept)
    await call('runs:stop', { projectId, runId: run.id })
    await expect.poll(() => stateOf(run), patience).toBe('stopped')
    expect((await call<QueueList>('queue:list')).entries).toEqual([])
  })
})

describe('another data folder', () => {
  const oldName = 'Kept in the old folder'
  let other: string

  beforeAll(async () => {
    other = await mkdtemp(path.join(tmpdir(), 'olmp-e2e-data-'))
    await call('projects:rename', { projectId, name: oldName })
    await studio.page.getByRole('link', { name: 'Settings' }).click()
  })

  afterAll(() => rm(other, { recursive: true, force: true }))

  /** Ends the app by the button; what it would start next is started here, where it can be watched. */
  async function restart(): Promise<void> {
    await studio.app.evaluate(({ app }) => {
      app.relaunch = () => void process.stderr.write('asked for the next start\n')
    })
    expect(studio.pageErrors).toEqual([])
    const exit = ended(studio)
    const button = studio.page.getByRole('button', { name: 'Restart now' })
    await button.waitFor()
    // the page may be gone before the click has its answer
    await Promise.all([exit, button.click().catch(() => undefined)])
    expect(studio.stderr()).toContain('asked for the next start')
    await launch(userData)
    await studio.page.getByRole('link', { name: 'Settings' }).click()
  }

  it('waits for the next start', async () => {
    await studio.app.evaluate(({ dialog }, folder) => {
      dialog.showOpenDialog = () => Promise.resolve({ canceled: false, filePaths: [folder] })
    }, other)
    await studio.page.getByRole('button', { name: 'Choose…' }).click()
    const waiting = studio.page.getByRole('status').filter({ hasText: userData })
    await waiting.waitFor()
    expect(await projectNames()).toContain(oldName)
    expect(await call<SettingsState>('settings:get')).toMatchObject({
      settings: { dataFolder: other },
      activeDataFolder: userData,
    })
  })

  it('holds its own projects from then on, and the setting says where the others are', async () => {
    await restart()
    expect((await call<SettingsState>('settings:get')).activeDataFolder).toBe(other)
    expect(await projectNames()).not.toContain(oldName)
    await studio.page.getByText(other, { exact: true }).waitFor()
    await studio.page.getByText(userData).waitFor()
  })

  it('changed back, the first projects and their runs are there again', async () => {
    await studio.page.getByRole('button', { name: 'Use the standard folder' }).click()
    await restart()
    expect(await projectNames()).toContain(oldName)
    const { runs } = await call<{ runs: RunSummary[] }>('runs:list', { projectId })
    expect(runs.map(({ state }) => state).sort()).toEqual(['finished', 'stopped'])
    expect(studio.pageErrors).toEqual([])
  })
})
