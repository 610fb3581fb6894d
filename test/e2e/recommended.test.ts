// What a user gets by default: a goal, the run in cycles, the nets on the way, and their export, on the real window.

import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import { axe, launchStudio, screenshots, type Studio } from './launch'

const sampleReadyMs = 60_000
const shortRunMs = 180_000
const badge = (page: Page, state: RegExp) => page.locator('.strip .badge', { hasText: state })

describe('the recommended compression', () => {
  let studio: Studio
  let page: Page

  beforeAll(async () => {
    studio = await launchStudio()
    page = studio.page
    await page.getByRole('link', { name: 'LeNet-300-100 on MNIST' }).first().click({ timeout: sampleReadyMs })
    await page.getByRole('link', { name: 'Compress', exact: true }).first().click()
  })
  afterAll(() => studio.close())

  it('is what is offered first: a goal, how long it takes, and what will happen', async () => {
    expect(await page.getByRole('radio', { name: /^Recommended/ }).isChecked()).toBe(true)
    await page.getByTestId('estimate').waitFor({ timeout: 60_000 })
    expect(await page.getByTestId('plan').textContent()).toMatch(
      /loses at most 0.1 points on 10,000 images held out \(standard error of such an accuracy: about 0.14 points\)/,
    )
    await page.getByText('may have been trained on the images held out').waitFor()
    await page.getByRole('switch', { name: /Compare with the net fine-tuned without them/ }).waitFor()
    await screenshots(page, 'recommended')
    await axe(page)
  })

  it('says what is wrong with a goal', async () => {
    await page.getByRole('radio', { name: /^A given size/ }).check()
    await page.locator('input[name=ratio]').fill('0')
    await page.getByText('Give a number from 1 to 266,610.').waitFor()
    expect(await page.getByRole('button', { name: 'Start compression' }).isDisabled()).toBe(true)
    await page.locator('input[name=ratio]').fill('60')
    await page.getByText('At most 4,443 of 266,610 weights and biases.').waitFor()
  })

  it('runs to the size, and keeps the nets on the way', async () => {
    await page.getByRole('radio', { name: /^Quick/ }).check()
    await page.getByRole('switch', { name: /shifted, turned and scaled/ }).click()
    await page.locator('input[name=threads]').fill('1')
    await page.getByRole('button', { name: 'Start compression' }).click()
    await badge(page, /running|finished/i).waitFor({ timeout: shortRunMs })
    await badge(page, /finished/i).waitFor({ timeout: shortRunMs })
    const ratio = await page.getByTestId('compression').locator('.value').textContent()
    expect(Number.parseFloat(ratio ?? '0')).toBeGreaterThanOrEqual(60)
    const front = page.getByTestId('front')
    await front.getByText('The net that answers the goal.').waitFor()
    expect(await front.textContent()).toMatch(/\d+ nets, from the whole one to the smallest/)
    await screenshots(page, 'recommended-finished')
    await axe(page)
  })

  it('exports a net that the slider chooses', async () => {
    const front = page.getByTestId('front')
    await front.getByRole('slider').focus()
    await page.keyboard.press('ArrowLeft')
    const accuracy = await front.locator('dd').nth(1).textContent()
    await front.getByRole('button', { name: 'Export this net as ONNX' }).click()
    await expect
      .poll(
        () =>
          page
            .getByTestId('accuracy-onnx')
            .textContent()
            .catch(() => null),
        { timeout: 60_000 },
      )
      .toBe(accuracy)
  })

  it('is offered again with the same goal', async () => {
    await page.getByRole('link', { name: 'Run again with a change' }).click()
    await page.getByRole('heading', { name: 'Run again with a change' }).waitFor()
    expect(await page.getByRole('radio', { name: /^Recommended/ }).isChecked()).toBe(true)
    await expect.poll(() => page.locator('input[name=ratio]').inputValue()).toBe('60')
    expect(await page.getByRole('radio', { name: /^Quick/ }).isChecked()).toBe(true)
  })
})
