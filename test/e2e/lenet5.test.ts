// The convolutional sample: added by the user, its kernels drawn, a run of it next to one of another model, an image file
// dropped on both of its models; and a folder that was moved away.

import { rename } from 'node:fs/promises'

import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import { ofLength } from '../../main/olmp/presets'
import { axe, launchStudio, screenshots, type Studio } from './launch'

const sampleReadyMs = 120_000
const runMs = 120_000
const exportMs = 60_000

describe('LeNet-5', () => {
  let studio: Studio
  let page: Page
  let projectId: string

  const goTo = (hash: string) => page.evaluate((place) => (window.location.hash = place), hash)
  const node = (name: string) => page.getByRole('button', { name: new RegExp(`^${name}, `) })

  beforeAll(async () => {
    studio = await launchStudio()
    page = studio.page
    page.setDefaultTimeout(15_000)
  })

  afterAll(() => studio.close())

  it('is added from the samples offered', async () => {
    await page
      .getByRole('link', { name: /LeNet-300-100/ })
      .first()
      .waitFor({ timeout: sampleReadyMs })
    await page.getByRole('button', { name: 'Add the sample LeNet-5' }).click()
    await page.waitForURL(/#\/project\/[^/]+$/, { timeout: sampleReadyMs })
    projectId = /#\/project\/([^/]+)/.exec(page.url())?.[1] ?? ''
    await page.getByRole('heading', { name: /LeNet-5/ }).waitFor()
  })

  it('draws the kernels of a convolution as tiles, and its weights as a histogram', async () => {
    await goTo(`#/project/${projectId}/net`)
    await node('conv2').click()
    await page.getByRole('img', { name: '25,000 of 25,000 weights kept' }).waitFor()
    await page.getByText('50 outputs down, 20 inputs across, kernels of 5 × 5').waitFor()
    const slider = page.getByRole('slider', { name: 'Try a crate on this layer' })
    await slider.focus()
    for (let i = 0; i < 4; i++) await page.keyboard.press('PageUp')
    await expect.poll(() => page.locator('.threshold').count()).toBe(2)
    await expect.poll(() => tilesAcross(page)).toBe(20)
    await screenshots(page, 'net-conv')
    await axe(page)
  })

  it('says where the folder was, once it is gone, and shows the net again when it is back', async () => {
    const folder = await folderOf(page, projectId)
    await rename(folder, `${folder}-moved`)
    await page.reload()
    const notice = page.getByRole('alert').filter({ hasText: 'The net cannot be shown' })
    await notice.waitFor()
    expect(await notice.textContent()).toContain(folder)
    await notice.getByText('choose the folder again').waitFor()
    await screenshots(page, 'net-error')
    await axe(page)
    await rename(`${folder}-moved`, folder)
    await notice.getByRole('button', { name: 'Try again' }).click()
    await node('conv2').waitFor()
    await notice.waitFor({ state: 'detached' })
  })

  it('has its run compared with one of another model, each to its own reference', async () => {
    await startRun(page, 'lenet-5', { iterations: 60, evaluations: 10 })
    await startRun(page, 'lenet-300-100', { iterations: 300, evaluations: 30 })
    const states = () =>
      page.evaluate(async () => {
        const answer = await window.api['runs:list']({})
        return answer.ok ? answer.value.runs.map(({ state, error }) => error?.message ?? state) : []
      })
    await expect.poll(states, { timeout: runMs, interval: 500 }).toEqual(['finished', 'finished'])
    await goTo('#/runs')
    const rows = page.locator('tbody tr').filter({ has: page.getByRole('checkbox') })
    await expect.poll(() => rows.count()).toBe(2)
    expect(await page.getByRole('radio', { name: 'To reference' }).isChecked()).toBe(true)
    const front = page.getByRole('group', { name: 'Accuracy and compression' })
    for (const project of [/^LeNet-5.* points$/, /^LeNet-300-100.* points$/])
      await front.getByRole('link', { name: project }).waitFor()
    for (const row of await rows.all()) await row.getByRole('checkbox').click()
    await screenshots(page, 'runs-projects')
    await page.getByRole('tab', { name: 'Charts' }).click()
    await expect.poll(() => page.locator('figure canvas').count()).toBe(3)
    await axe(page)
  })

  it('recognises an image file dropped on it, on both models', async () => {
    await goTo(`#/project/${projectId}/try`)
    await page.getByRole('button', { name: 'Prepare the models' }).click()
    await page.getByRole('tab', { name: 'File' }).click({ timeout: exportMs })
    await page.getByRole('combobox', { name: 'Pruned model' }).waitFor({ timeout: exportMs })
    await dropDigit(page)
    for (const tone of ['before', 'after']) {
      const card = page.getByTestId(`prediction-${tone}`)
      await card.locator('li').first().waitFor()
      expect(await card.locator('li').first().textContent()).toMatch(/\d\d\.\d\d%$/)
    }
    const first = page.getByTestId('prediction-before').locator('li > span').first()
    expect(await first.textContent()).toBe('1')
    await screenshots(page, 'try-file')
    await axe(page)
  })

  it('says so where the file dropped is no image', async () => {
    await page.getByText(/Drop a PNG or JPEG file/).evaluate((element) => {
      const dataTransfer = new DataTransfer()
      dataTransfer.items.add(new File(['no pixels'], 'digit.png', { type: 'image/png' }))
      element.dispatchEvent(new DragEvent('drop', { dataTransfer, bubbles: true, cancelable: true }))
    })
    await page.getByRole('alert').filter({ hasText: 'not an image' }).waitFor()
  })

  it('raised no error on the page', () => {
    expect(studio.pageErrors).toEqual([])
  })
})

/** Tiles in the picture's first row of kernels: stretches between gaps, which have the colour of the panel. */
function tilesAcross(page: Page): Promise<number> {
  return page.locator('canvas').evaluate((element) => {
    const canvas = element as HTMLCanvasElement
    const { data } = (canvas.getContext('2d') as CanvasRenderingContext2D).getImageData(
      0,
      0,
      canvas.width,
      canvas.height,
    )
    const at = (x: number, y: number) =>
      data.slice(4 * (y * canvas.width + x), 4 * (y * canvas.width + x) + 3).join()
    const columns = Array.from({ length: canvas.width }, (_, x) => x)
    const rows = Array.from({ length: canvas.height }, (_, y) => y)
    // a column all of one colour is a gap: a column of weights is not, once some are pruned
    const isGap = columns.map((x) => rows.every((y) => at(x, y) === at(x, 0)))
    return columns.filter((x) => !isGap[x] && (x === 0 || isGap[x - 1])).length
  })
}

async function folderOf(page: Page, projectId: string): Promise<string> {
  const answer = await page.evaluate(() => window.api['projects:list'](undefined))
  const project = answer.ok ? answer.value.projects.find(({ id }) => id === projectId) : undefined
  if (project === undefined) throw new Error('the project is not listed')
  return project.folder
}

/** Queues a run of the sample, on one thread. */
async function startRun(
  page: Page,
  sample: string,
  { iterations, evaluations }: { iterations: number; evaluations: number },
): Promise<void> {
  const found = await page.evaluate(async (name) => {
    const listed = await window.api['projects:list'](undefined)
    if (!listed.ok) throw new Error(listed.error.message)
    const id = listed.value.projects.find(({ folder }) => folder.endsWith(name))?.id ?? ''
    const opened = await window.api['projects:open']({ projectId: id })
    if (!opened.ok) throw new Error(opened.error.message)
    return { id, suggested: opened.value.project.report.suggested }
  }, sample)
  if (found.suggested === null) throw new Error('the sample cannot be compressed')
  const settings = { ...ofLength(found.suggested, iterations), evaluations, population: 5, seed: 1 }
  const started = await page.evaluate((request) => window.api['runs:start'](request), {
    projectId: found.id,
    request: { settings, threads: 1 },
  })
  if (!started.ok) throw new Error(started.error.message)
}

/** A white 1 on black, as a PNG file. */
async function dropDigit(page: Page): Promise<void> {
  await page.getByText(/Drop a PNG or JPEG file/).evaluate(async (element) => {
    const canvas = document.createElement('canvas')
    canvas.width = canvas.height = 56
    const context = canvas.getContext('2d') as CanvasRenderingContext2D
    context.fillRect(0, 0, 56, 56)
    context.strokeStyle = 'white'
    context.lineWidth = 5
    context.lineCap = 'round'
    context.beginPath()
    context.moveTo(30, 10)
    context.lineTo(26, 46)
    context.stroke()
    const blob = await new Promise<Blob | null>((done) => canvas.toBlob(done, 'image/png'))
    if (blob === null) throw new Error('no PNG was made')
    const dataTransfer = new DataTransfer()
    dataTransfer.items.add(new File([blob], 'digit.png', { type: 'image/png' }))
    element.dispatchEvent(new DragEvent('drop', { dataTransfer, bubbles: true, cancelable: true }))
  })
}
