// The compress card and the run monitor on the real window: pictures, axe-core, and how the window keeps up with a fast run.

import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import { axe, launchStudio, screenshots, type Studio } from './launch'

const sampleReadyMs = 60_000
const shortRunMs = 120_000
const sample = 'LeNet-300-100 on MNIST'
const badge = (page: Page, state: RegExp) => page.locator('.strip .badge', { hasText: state })

describe('compress and watch', () => {
  let studio: Studio
  let page: Page
  /** The address of the short run's page. */
  let run: string

  beforeAll(async () => {
    studio = await launchStudio()
    page = studio.page
    await page.getByRole('link', { name: sample }).first().click({ timeout: sampleReadyMs })
    await page.getByRole('link', { name: 'Compress', exact: true }).first().click()
  })

  afterAll(() => studio.close())

  it('says what a run will do, and how long it will take', async () => {
    await page.getByRole('radio', { name: /^OLMP/ }).check()
    await page.getByTestId('estimate').waitFor({ timeout: 30_000 })
    expect(await page.getByTestId('plan').textContent()).toMatch(
      /15 searches of 1,600 candidates.*Memory of the engine [\d.]+ MB/s,
    )
    expect(await page.locator('label.choice', { hasText: 'Quick' }).textContent()).toMatch(/about \d/)
    await screenshots(page, 'compress')
    await axe(page)
  })

  it('shows what is wrong beside its field, in the words of the window', async () => {
    await page.getByRole('button', { name: 'Advanced' }).click()
    await page.locator('input[name=evaluations]').fill('0')
    await page.getByText('Give a number from 1 to 100,000,000.').waitFor()
    await page.getByRole('button', { name: /^Layers/ }).click()
    await axe(page)
    await screenshots(page, 'compress-advanced')
    await page.locator('input[name=evaluations]').fill('60')
    expect(await page.getByText('Give a number from').count()).toBe(0)
  })

  it('watches a run live', async () => {
    await page.locator('input[name=iterations]').fill('60000')
    await page.locator('input[name=evaluations]').fill('60')
    await page.locator('input[name=threads]').fill('1')
    await page.getByRole('button', { name: 'Start compression' }).click()
    await badge(page, /running/i).waitFor({ timeout: shortRunMs })
    await page
      .getByTestId('phase')
      .filter({ hasText: /^Cycle \d+ of 15/ })
      .waitFor({ timeout: shortRunMs })
    await page.locator('.usage dd', { hasText: 'MB' }).waitFor({ timeout: 20_000 })
    await page.getByTestId('left').waitFor()
    await page.locator('figure[aria-label="Density by layer"] .entry', { hasText: 'ip1' }).waitFor()
    await screenshots(page, 'run-live')
    await axe(page)
    await page.getByRole('button', { name: 'Stop' }).click()
    await badge(page, /stopped/i).waitFor({ timeout: shortRunMs })
  })

  it('runs it again with a change, to the end', async () => {
    await page.getByRole('link', { name: 'Run again with a change' }).click()
    await page.getByRole('heading', { name: 'Run again with a change' }).waitFor()
    await page.getByRole('button', { name: 'Advanced' }).click()
    await expect.poll(() => page.locator('input[name=evaluations]').inputValue()).toBe('60')
    expect(await page.locator('input[name=iterations]').inputValue()).toBe('60000')
    await page.locator('input[name=iterations]').fill('600')
    await page.locator('input[name=name]').fill('Short one')
    await page.getByRole('button', { name: 'Start compression' }).click()
    await badge(page, /finished/i).waitFor({ timeout: shortRunMs })
    await page.getByText('Short one').first().waitFor()
    run = page.url()
    await screenshots(page, 'run-finished')
    await axe(page)
  })

  it('finds lines of the log, and shows a chart as a table', async () => {
    await page.getByRole('searchbox', { name: 'Search the log' }).fill('testing net')
    await page.getByText(/\d+ lines found/).waitFor()
    await page.getByRole('searchbox', { name: 'Search the log' }).fill('')
    const chart = page.locator('figure[aria-label="Compression"]')
    await chart.getByText('Show as table').click()
    expect(await chart.locator('tbody tr').count()).toBeGreaterThan(5)
    await chart.getByText('Show as table').click()
  })

  it('zooms every chart along the iterations at once', async () => {
    await page.locator('.u-over').first().scrollIntoViewIfNeeded()
    const box = await page.locator('.u-over').first().boundingBox()
    if (box === null) throw new Error('no chart')
    await page.mouse.move(box.x + box.width * 0.3, box.y + 40)
    await page.mouse.down()
    await page.mouse.move(box.x + box.width * 0.6, box.y + 40, { steps: 4 })
    await page.mouse.up()
    await page.getByText(/^Iterations 1\d\d to 3\d\d$/).waitFor()
    await page.mouse.dblclick(box.x + box.width * 0.5, box.y + 40)
    await page.getByText('Drag to zoom').waitFor()
  })

  it('continues a finished run longer', async () => {
    await page.getByRole('button', { name: 'Continue longer' }).click()
    await page.locator('input[name=moreIterations]').fill('200')
    await page.getByRole('dialog').getByRole('button', { name: 'Continue longer' }).click()
    await page
      .getByTestId('reach')
      .filter({ hasText: 'Iteration 800 of 800' })
      .waitFor({ timeout: shortRunMs })
    await badge(page, /finished/i).waitFor({ timeout: shortRunMs })
  })

  it('leads from a checkpoint’s mark to its export', async () => {
    // the newest: older ones leave the list while the run ends
    const marks = page.getByRole('navigation', { name: 'Checkpoints' })
    const mark = marks.getByRole('link', { name: /iteration 80\d/ })
    const label = (await mark.getAttribute('aria-label', { timeout: shortRunMs })) ?? ''
    const [, iteration] = /iteration (\d+)/.exec(label) ?? [label, 'an iteration']
    await mark.click()
    await page.getByRole('dialog').getByText(`Iteration ${iteration}`).waitFor()
  })

  it('keeps up with 10,000 records a second', async () => {
    await page.goto(run)
    await page.getByTestId('reach').waitFor()
    const [, projectId, runId] = /project\/([^/]+)\/run\/([^/?]+)/.exec(run) ?? []
    const seconds = 6
    const heap = () => page.evaluate(() => Reflect.get(performance, 'memory').usedJSHeapSize as number)
    const before = await heap()
    const fed = studio.app.evaluate(
      async ({ BrowserWindow, MessageChannelMain }, { projectId, runId, seconds }) => {
        // as the engine process does: batches over a port of the window's own
        const { port1, port2 } = new MessageChannelMain()
        BrowserWindow.getAllWindows()[0].webContents.postMessage('engine:port', null, [port2])
        let iteration = 1000
        for (let batch = 0; batch < seconds * 10; batch++) {
          const records = Array.from({ length: 1000 }, () => {
            iteration++
            const loss = 1 / Math.sqrt(iteration) + Math.random() * 0.05
            return {
              iteration,
              loss,
              accuracy: 1 - loss,
              learningRate: 0.01,
              compression: 1 + iteration / 500,
            }
          })
          const densities = { kind: 'densities', records: [{ iteration, kept: [1 / batch, 0.5, 0.9] }] }
          const line = {
            kind: 'log',
            timeMs: Date.now(),
            level: 'info',
            text: `Iteration ${iteration}, loss = 0.1`,
          }
          port1.postMessage({ projectId, runId, events: [{ kind: 'iterations', records }, densities, line] })
          await new Promise((resolve) => setTimeout(resolve, 100))
        }
        return iteration
      },
      { projectId, runId, seconds },
    )
    const frames = await page.evaluate(async (forSeconds) => {
      const gaps: number[] = []
      let last = performance.now()
      const end = last + forSeconds * 1000
      while (last < end) {
        const now = await new Promise<number>((resolve) => requestAnimationFrame(resolve))
        gaps.push(now - last)
        last = now
      }
      gaps.sort((a, b) => a - b)
      return { perSecond: gaps.length / forSeconds, worstMs: gaps[gaps.length - 1] }
    }, seconds)
    const last = await fed
    await page.locator('.line', { hasText: `Iteration ${last},` }).waitFor()
    const grownMB = ((await heap()) - before) / 1e6
    process.stdout.write(
      `10,000 records/s: ${frames.perSecond.toFixed(1)} frames/s, longest ${frames.worstMs.toFixed(0)} ms, heap +${grownMB.toFixed(1)} MB after ${last} iterations\n`,
    )
    // loose: machines that test have other things to do
    expect(frames.perSecond).toBeGreaterThan(15)
    expect(grownMB).toBeLessThan(120)
  })

  it('raised no error on the page', () => {
    expect(studio.pageErrors).toEqual([])
  })
})
