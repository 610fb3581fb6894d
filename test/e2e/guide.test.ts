// The pictures of the user guide, taken of the real window: every picture a page names is taken here, in its language.
// They go to test-results/guide; with OLMP_GUIDE_PICTURES=1 into the guide itself.

import { mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { cp, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'

import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import { launchStudio, setLanguage, type Studio } from './launch'

const root = path.resolve(import.meta.dirname, '../..')
const guide = path.join(root, 'docs/guide')
const pictures =
  process.env.OLMP_GUIDE_PICTURES === '1' ? path.join(guide, 'images') : path.join(root, 'test-results/guide')
const sampleReadyMs = 60_000
const runsMs = 120_000

/** As the pages name them: images/<name>.png. */
const named = new Set(
  readdirSync(guide)
    .filter((file) => file.endsWith('.md'))
    .flatMap((file) => [...readFileSync(path.join(guide, file), 'utf8').matchAll(/\]\(images\/([^)]+)\)/g)])
    .map(([, file]) => file),
)

describe('the pictures of the guide', () => {
  let studio: Studio
  let page: Page
  let projectId = ''
  let models = ''
  const taken: string[] = []

  const goTo = async (hash: string, ready: () => Promise<unknown>): Promise<void> => {
    await page.evaluate((place) => (window.location.hash = place), hash)
    await ready()
  }
  const take = async (name: string): Promise<void> => {
    await page.waitForTimeout(500)
    await page.screenshot({ path: path.join(pictures, name) })
    taken.push(name)
  }
  /** In English, and in Chinese where a page of the guide wants it. */
  const picture = async (name: string): Promise<void> => {
    await take(`${name}.png`)
    if (!named.has(`${name}.zh-CN.png`)) return
    await setLanguage(page, 'zh-CN')
    await take(`${name}.zh-CN.png`)
    await setLanguage(page, 'en')
  }

  /** Begins a short run of the sample and waits for its end; answers its id. */
  async function finishedRun(seed: number, name: string): Promise<string> {
    const runId = await page.evaluate(
      async ({ projectId, seed, name }) => {
        const opened = await window.api['projects:open']({ projectId })
        if (!opened.ok || opened.value.project.report.suggested === null) throw new Error('no project')
        const settings = {
          ...opened.value.project.report.suggested,
          seed,
          iterations: 600,
          pruneStop: 300,
          pruneInterval: 50,
          evaluations: 30,
          population: 5,
          testInterval: 100,
        }
        const request = { settings, threads: 1, name }
        const started = await window.api['runs:start']({ projectId, request })
        if (!started.ok) throw new Error(started.error.message)
        return started.value.id
      },
      { projectId, seed, name },
    )
    const state = () =>
      page.evaluate(
        async ({ projectId, runId }) => {
          const listed = await window.api['runs:list']({ projectId })
          return listed.ok ? listed.value.runs.find(({ id }) => id === runId)?.state : undefined
        },
        { projectId, runId },
      )
    await expect.poll(state, { timeout: runsMs, interval: 300 }).toBe('finished')
    return runId
  }

  beforeAll(async () => {
    mkdirSync(pictures, { recursive: true })
    models = await mkdtemp(path.join(tmpdir(), 'caffe-models-'))
    studio = await launchStudio()
    page = studio.page
    page.setDefaultTimeout(20_000)
    await page.setViewportSize({ width: 1280, height: 800 })
    await page.emulateMedia({ colorScheme: 'light' })
    const sample = page.getByRole('link', { name: /LeNet-300-100/ }).first()
    await sample.waitFor({ timeout: sampleReadyMs })
    await setLanguage(page, 'en')
    projectId = ((await sample.getAttribute('href')) ?? '').split('/project/')[1].split('/')[0]
  })

  afterAll(async () => {
    await studio.close()
    await rm(models, { recursive: true, force: true })
  })

  it('shows runs', async () => {
    const runId = await finishedRun(1, 'seed 1')
    await finishedRun(2, 'seed 2')
    await goTo(`#/project/${projectId}/run/${runId}`, () => page.locator('canvas').first().waitFor())
    await picture('run')
    await goTo('#/runs', () => page.getByRole('checkbox', { name: 'Select all runs' }).click())
    await page.getByRole('tab', { name: 'Charts' }).click()
    await page.locator('figure canvas').first().waitFor()
    await picture('runs')
  })

  it('shows a project', async () => {
    await goTo('#/', () =>
      page
        .getByRole('link', { name: /LeNet-300-100/ })
        .first()
        .waitFor(),
    )
    await picture('projects')
    await goTo(`#/project/${projectId}`, () => page.getByText('266,610').first().waitFor())
    await picture('overview')
    await goTo(`#/project/${projectId}/compress`, () => page.getByText('How much effort?').waitFor())
    await page
      .getByText(/^About \d/)
      .first()
      .waitFor()
    await picture('compress')
    await goTo(`#/project/${projectId}/models`, () => page.getByRole('table').first().waitFor())
    await picture('models')
  })

  it('shows a folder being imported', async () => {
    // one level down: the sample's prototxt names its data beside its folder
    const model = path.join(models, 'lenet-300-100')
    await cp(path.join(root, 'resources/samples/lenet-300-100'), model, { recursive: true })
    await goTo('#/new', () => page.getByLabel('Model folder').fill(model))
    await page.getByRole('button', { name: 'Read folder' }).click()
    await page.getByText('not found').first().waitFor()
    await picture('import')
  })

  it('takes every picture the guide names, and no other', () => {
    expect(taken.sort()).toEqual([...named].sort())
    for (const name of taken) expect(statSync(path.join(pictures, name)).size).toBeGreaterThan(10_000)
    expect(studio.pageErrors).toEqual([])
  })
})
