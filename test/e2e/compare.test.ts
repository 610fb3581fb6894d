// Runs next to each other: the queue they wait in, the table, the comparison, the files written of them.

import { readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'

import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import { axe, launchStudio, screenshots, type Studio } from './launch'

const sampleReadyMs = 60_000
const runsMs = 120_000

/** Queues a short run of the first sample; answers its id. */
function queueRun(page: Page, seed: number, name: string): Promise<string> {
  return page.evaluate(
    async ({ seed, name }) => {
      const listed = await window.api['projects:list']()
      if (!listed.ok) throw new Error(listed.error.message)
      const [{ id: projectId }] = listed.value.projects
      const opened = await window.api['projects:open']({ projectId })
      if (!opened.ok) throw new Error(opened.error.message)
      const { suggested } = opened.value.project.report
      if (suggested === null) throw new Error('the sample cannot be compressed')
      const settings = {
        ...suggested,
        seed,
        iterations: 300,
        pruneStop: 150,
        pruneInterval: 50,
        evaluations: 30,
        population: 5,
        testInterval: 100,
      }
      const started = await window.api['runs:start']({ projectId, request: { settings, threads: 1, name } })
      if (!started.ok) throw new Error(started.error.message)
      return started.value.id
    },
    { seed, name },
  )
}

describe('runs next to each other', () => {
  let studio: Studio
  let page: Page
  let folder: string

  const goTo = (hash: string) => page.evaluate((place) => (window.location.hash = place), hash)
  /** What the next save dialog answers. */
  const willSaveAs = (file: string) =>
    studio.app.evaluate(({ dialog }, filePath) => {
      dialog.showSaveDialog = () => Promise.resolve({ canceled: false, filePath })
    }, file)
  const rowOf = (name: string) => page.getByRole('row', { name: new RegExp(name) })
  const waiting = () => page.locator('ol > li a').allTextContents()

  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'olmp-compare-'))
    studio = await launchStudio()
    page = studio.page
    page.setDefaultTimeout(10_000)
    await page
      .getByRole('link', { name: /LeNet-300-100/ })
      .first()
      .waitFor({ timeout: sampleReadyMs })
  })

  afterAll(async () => {
    await studio.close()
    await rm(folder, { recursive: true, force: true })
  })

  it('says what will be in an empty queue and an empty table', async () => {
    await goTo('#/queue')
    await page.getByText('The queue is empty').waitFor()
    await screenshots(page, 'queue-empty')
    await goTo('#/runs')
    await page.getByText('No runs yet').waitFor()
    await screenshots(page, 'runs-empty')
  })

  it('lets the user choose the order of waiting runs', async () => {
    await page.evaluate(() => window.api['queue:hold']({ held: true }))
    for (const [seed, name] of [
      [1, 'seed one'],
      [2, 'seed two'],
      [3, 'seed three'],
    ] as const)
      await queueRun(page, seed, name)
    await goTo('#/queue')
    await page.locator('ol > li').nth(2).waitFor()
    expect((await waiting()).map((text) => text.split('/')[1].trim())).toEqual([
      'seed one',
      'seed two',
      'seed three',
    ])
    await page.getByRole('button', { name: /^Move .*seed three up$/ }).click()
    await page.locator('ol > li').nth(1).getByText('seed three').waitFor()
    await page.locator('ol > li').nth(1).press('Alt+ArrowUp')
    await page.locator('ol > li').nth(0).getByText('seed three').waitFor()
    await page.locator('ol > li').nth(0).dragTo(page.locator('ol > li').nth(2))
    await page.locator('ol > li').nth(2).getByText('seed three').waitFor()
    await axe(page)
    await screenshots(page, 'queue')
  })

  it('takes a run out of the queue, and begins the others one after the other', async () => {
    await page.getByRole('button', { name: /^Take .*seed three out/ }).click()
    await expect.poll(() => page.locator('ol > li').count()).toBe(2)
    await page.getByRole('button', { name: 'Continue' }).click()
    await page.getByRole('progressbar').first().waitFor()
    await page.getByText('The queue is empty').waitFor({ timeout: runsMs })
  })

  it('lists the runs, sorts and filters them', async () => {
    await goTo('#/runs')
    await rowOf('seed two').waitFor()
    await page.getByRole('button', { name: 'Seed', exact: true }).click()
    const names = () => page.locator('tbody td.name').allTextContents()
    const descending = await names()
    await page.getByRole('button', { name: 'Seed', exact: true }).click()
    expect(await names()).toEqual([...descending].reverse())
    await page.getByLabel('Search runs').fill('finished')
    await expect.poll(() => page.locator('tbody td.name').count()).toBe(2)
    await page.getByLabel('Search runs').fill('')
    await axe(page)
    await screenshots(page, 'runs-front')
  })

  it('keeps names and tags typed in the table', async () => {
    await rowOf('seed one').focus()
    await rowOf('seed one').press('F2')
    await page.getByRole('textbox', { name: 'Rename' }).fill('first run')
    await page.keyboard.press('Enter')
    await rowOf('first run').waitFor()
    await rowOf('first run').getByRole('button', { name: 'Edit tags' }).click()
    await page.getByRole('textbox', { name: 'Edit tags' }).fill('paper, short')
    await page.keyboard.press('Enter')
    await rowOf('first run').getByText('paper').waitFor()
    await page.reload()
    await rowOf('first run').getByText('short').waitFor()
  })

  it('draws the runs selected over each other', async () => {
    await rowOf('first run').getByRole('checkbox').click()
    await rowOf('seed two').getByRole('checkbox').click()
    await page.getByRole('tab', { name: 'Charts' }).click()
    await expect.poll(() => page.locator('figure canvas').count()).toBe(3)
    const readings = page.getByRole('table', { name: 'Runs compared' })
    await readings.getByText('first run').waitFor()
    expect(await readings.textContent()).toMatch(/\d\d\.\d\d%[\d,]+\.\d×/)
    await axe(page)
    await screenshots(page, 'runs-charts')
  })

  it('tells the settings that differ, and the spread over seeds', async () => {
    await page.getByRole('tab', { name: 'Settings' }).click()
    const rows = page.locator('[role=tabpanel] tbody tr')
    await expect.poll(() => rows.allTextContents()).toEqual(['seed12'])
    await page.getByRole('switch', { name: 'Show all settings' }).click()
    expect(await rows.count()).toBeGreaterThan(15)
    await screenshots(page, 'runs-settings')
    await page.getByRole('tab', { name: 'Seeds' }).click()
    await page.getByText('2 runs of 300 iterations, seeds 1, 2').waitFor()
    await axe(page)
    await screenshots(page, 'runs-seeds')
  })

  it('writes the metrics of the runs selected as one table', async () => {
    const file = path.join(folder, 'metrics.csv')
    await willSaveAs(file)
    await page.getByRole('button', { name: 'Export CSV…' }).click()
    await page.getByText(file).first().waitFor()
    const [head, ...lines] = readFileSync(file, 'utf8').trimEnd().split('\n')
    expect(head).toMatch(/^project,run,name,seed,iteration,loss,.*,kept_/)
    const seeds = new Set(lines.map((line) => line.split(',')[3]))
    expect([...seeds].sort()).toEqual(['1', '2'])
    expect(lines.length).toBeGreaterThan(600)
  })

  it('writes the report of a run', async () => {
    const file = path.join(folder, 'report.html')
    await willSaveAs(file)
    await rowOf('seed two').click({ position: { x: 300, y: 10 } })
    await rowOf('seed two').click({ button: 'right', position: { x: 300, y: 10 } })
    await page.getByRole('menuitem', { name: 'Save report…' }).click()
    await page.getByText(file).first().waitFor()
    const report = readFileSync(file, 'utf8')
    const shown = await rowOf('seed two').locator('td.compression').textContent()
    expect(report).toContain(`data-figure="compression">${shown?.trim()}<`)
    expect(report).not.toMatch(/<script|src=/)
  })

  it('deletes a run, and brings it back', async () => {
    await rowOf('seed three').focus()
    await rowOf('seed three').press('Delete')
    await expect.poll(() => rowOf('seed three').count()).toBe(0)
    await page.getByRole('button', { name: 'Undo' }).click()
    await rowOf('seed three').waitFor()
  })

  it('lists the runs of one project in its own view', async () => {
    const href = (await rowOf('seed two').getByRole('link').getAttribute('href')) ?? ''
    await goTo(href.replace(/\/run\/.*/, '/runs'))
    await page.getByRole('columnheader', { name: 'Project' }).waitFor({ state: 'detached' })
    expect(await page.locator('tbody td.name').count()).toBe(3)
    await axe(page)
    await screenshots(page, 'project-runs')
    await goTo('#/runs')
  })

  it('goes from a point of the front to its run', async () => {
    await page.getByRole('tab', { name: 'Accuracy and compression' }).click()
    await page.getByRole('link', { name: /first run: / }).click()
    await page.waitForURL(/#\/project\/.+\/run\//)
  })

  it('raised no error on the page', () => {
    expect(studio.pageErrors).toEqual([])
  })
})
