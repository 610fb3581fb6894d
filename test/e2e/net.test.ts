// The net view on the sample: its graph, a layer's weights and mask, sensitivity, before and after a short run.

import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Page } from 'playwright-core'

import { ofLength } from '../../main/olmp/presets'
import { axe, launchStudio, screenshots, type Studio } from './launch'

const sampleReadyMs = 120_000

describe('the net view', () => {
  let studio: Studio
  let page: Page
  let projectId: string

  beforeAll(async () => {
    studio = await launchStudio()
    page = studio.page
    projectId = await firstProject(page)
  })

  afterAll(() => studio.close())

  const node = (name: string) => page.getByRole('button', { name: new RegExp(`^${name}, `) })
  const figure = async (label: string) =>
    (await page.locator('.figures > div', { hasText: label }).locator('dd').textContent())?.trim()

  /** Colours of the picture: one where all is kept. */
  async function coloursOf(): Promise<number> {
    return page.locator('canvas').evaluate((element) => {
      const canvas = element as HTMLCanvasElement
      const { data } = (canvas.getContext('2d') as CanvasRenderingContext2D).getImageData(
        0,
        0,
        canvas.width,
        canvas.height,
      )
      const colours = new Set<string>()
      for (let i = 0; i < data.length; i += 4) colours.add(data.slice(i, i + 3).join())
      return colours.size
    })
  }

  it('draws the layers, those in place folded into the layer before them', async () => {
    await page.evaluate((id) => (window.location.hash = `#/project/${id}/net`), projectId)
    await node('ip1').waitFor()
    for (const name of ['mnist', 'ip1', 'relu1', 'ip2', 'ip3', 'loss']) await node(name).waitFor()
    expect(await node('ip1').getAttribute('aria-label')).toContain('235,500 parameters')
    await screenshots(page, 'net')
    await axe(page)
  })

  it('walks by the arrow keys, zooms by + and 0', async () => {
    await node('ip1').click()
    expect(await node('ip1').getAttribute('aria-pressed')).toBe('true')
    await page.keyboard.press('ArrowDown')
    expect(await node('relu1').getAttribute('aria-pressed')).toBe('true')
    await page.keyboard.press('ArrowDown')
    expect(await node('ip2').getAttribute('aria-pressed')).toBe('true')
    const width = async () => (await node('ip2').boundingBox())?.width ?? 0
    await page.keyboard.press('0')
    const fitted = await width()
    await page.keyboard.press('+')
    expect(await width()).toBeGreaterThan(fitted * 1.2)
    await page.keyboard.press('0')
    await expect.poll(width).toBeLessThan(fitted * 1.05)
  })

  it('finds layers by name and type', async () => {
    await page.getByLabel('Search layers').fill('relu')
    await page.getByText('2 layers found').waitFor()
    await page.getByLabel('Search layers').press('Enter')
    expect(await node('relu1').getAttribute('aria-pressed')).toBe('true')
    await page.getByLabel('Search layers').fill('')
  })

  it('shows weights of the reference, and what a crate would leave of them', async () => {
    await node('ip1').click()
    await page.getByRole('img', { name: '235,200 of 235,200 weights kept' }).waitFor()
    expect(await figure('Density')).toBe('100.00%')
    expect(await coloursOf()).toBe(1)
    const slider = page.getByRole('slider', { name: 'Try a crate on this layer' })
    await slider.focus()
    for (let i = 0; i < 4; i++) await page.keyboard.press('PageUp')
    await expect.poll(() => figure('Density')).not.toBe('100.00%')
    await expect.poll(coloursOf).toBeGreaterThan(1)
    expect(await page.locator('.threshold').count()).toBe(2)
    await screenshots(page, 'net-layer')
    await axe(page)
  })

  it('lists the layers, and shows the phases', async () => {
    await page.getByRole('button', { name: 'Show as list' }).click()
    await page.getByRole('cell', { name: 'SoftmaxWithLoss' }).waitFor()
    await page.getByText('Deploy', { exact: true }).click()
    await page.getByRole('cell', { name: 'Softmax', exact: true }).waitFor()
    await axe(page)
    await page.getByText('Train', { exact: true }).click()
    await page.getByRole('button', { name: 'Show as graph' }).click()
    await node('ip1').click()
  })

  it('measures sensitivity in the background, and ends it when told', async () => {
    await page.getByRole('tab', { name: 'Sensitivity' }).click()
    await page.getByRole('combobox', { name: /Measure on/ }).click()
    await page.getByRole('option', { name: 'all test images' }).click()
    await page.getByRole('button', { name: 'Measure sensitivity' }).click()
    await page.getByRole('button', { name: 'Cancel' }).click()
    await page.getByText('A curve for each prunable layer will be here.').waitFor({ timeout: 30_000 })

    await page.getByRole('combobox', { name: /Measure on/ }).click()
    await page.getByRole('option', { name: '1,000 test images' }).click()
    await page.getByRole('button', { name: 'Measure sensitivity' }).click()
    await page.getByText('Measured on 1,000 test images').waitFor({ timeout: 60_000 })
    await page.getByRole('button', { name: 'Measure again' }).waitFor({ timeout: 60_000 })
    expect(await page.locator('.curve').count()).toBe(3)
    await page.getByText('Show as table').last().click()
    expect(await page.locator('.side tbody tr').count()).toBeGreaterThan(30)
    await page.getByText('Show as table').last().click()
    await screenshots(page, 'net-sensitivity')
    await axe(page)
  })

  it('still has the curves after a reload', async () => {
    await page.reload()
    await node('ip1').click()
    await page.getByRole('tab', { name: 'Sensitivity' }).click()
    await page.getByText('Measured on 1,000 test images').waitFor()
  })

  it('shows a layer before and after a run', async () => {
    const state = async () => {
      const answer = await page.evaluate((id) => window.api['projects:open']({ projectId: id }), projectId)
      if (!answer.ok) throw new Error(answer.error.message)
      return answer.value.runs.at(0)?.state
    }
    await startShortRun(page, projectId)
    await expect.poll(state, { timeout: 120_000, interval: 500 }).toBe('finished')
    await page.reload()
    await node('ip1').click()
    await page.getByRole('combobox', { name: /Model/ }).click()
    await page.getByRole('option').nth(1).click()
    await page.getByText('Checkpoint at iteration').waitFor({ timeout: 30_000 })
    expect(await figure('Density')).not.toBe('100.00%')
    expect(await figure('Threshold t')).not.toBe('–')
    await page.locator('path.before').first().waitFor({ state: 'attached' })
    expect(await coloursOf()).toBeGreaterThan(1)
    await screenshots(page, 'net-after')
    await axe(page)
  })

  it('raised no error on the page', () => {
    expect(studio.pageErrors).toEqual([])
  })
})

async function startShortRun(page: Page, projectId: string): Promise<void> {
  const opened = await page.evaluate((id) => window.api['projects:open']({ projectId: id }), projectId)
  if (!opened.ok) throw new Error(opened.error.message)
  const { suggested } = opened.value.project.report
  if (suggested === null) throw new Error('the sample cannot be compressed')
  const settings = { ...ofLength(suggested, 400), evaluations: 30, population: 5, seed: 1 }
  const started = await page.evaluate((request) => window.api['runs:start'](request), {
    projectId,
    request: { settings, threads: 1 },
  })
  if (!started.ok) throw new Error(started.error.message)
}

/** The sample's, made at the first start. */
async function firstProject(page: Page): Promise<string> {
  for (let waitedMs = 0; waitedMs < sampleReadyMs; waitedMs += 500) {
    const answer = await page.evaluate(() => window.api['projects:list'](undefined))
    const project = answer.ok ? answer.value.projects.at(0) : undefined
    if (project !== undefined) return project.id
    await page.waitForTimeout(500)
  }
  throw new Error('the sample project was not made')
}
