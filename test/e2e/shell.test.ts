// The window's shell: rail, palette, settings, menu, the end with a run on, what is remembered.

import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'

import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import { axe, launchStudio, screenshots, setLanguage, type Studio } from './launch'

/** As a click on the menu does. Labels from the top, in the menu's language. */
function clickMenu(studio: Studio, ...labels: string[]): Promise<void> {
  return studio.app.evaluate(({ Menu }, names) => {
    let items = Menu.getApplicationMenu()?.items ?? []
    let item: Electron.MenuItem | undefined
    for (const name of names) {
      item = items.find(({ label }) => label === name)
      if (item === undefined)
        throw new Error(`no ${name} among ${items.map(({ label }) => label).join(', ')}`)
      items = item.submenu?.items ?? []
    }
    item?.click()
  }, labels)
}

const heading = (page: Page, name: string) => page.getByRole('heading', { name, exact: true, level: 1 })

describe('the shell', () => {
  let studio: Studio
  let page: Page

  beforeAll(async () => {
    studio = await launchStudio()
    page = studio.page
  })

  afterAll(() => studio.close())

  it('opens on the projects, with a title that says so', async () => {
    await heading(page, 'Projects').waitFor()
    await expect.poll(() => page.title()).toBe('Projects – OLMP Studio')
    await page.getByTestId('engine-state').waitFor()
  })

  it('goes by the rail, and takes the focus along', async () => {
    await page.getByRole('link', { name: 'Settings' }).press('Enter')
    await heading(page, 'Settings').waitFor()
    expect(await page.title()).toBe('Settings – OLMP Studio')
    await expect.poll(() => page.evaluate(() => document.activeElement?.id)).toBe('main')
  })

  it('draws the settings, accessible, in both languages', async () => {
    await page.getByText('CUDA cannot be used').waitFor()
    await axe(page)
    await screenshots(page, 'settings')
  })

  it('changes theme and language at once, and keeps them', async () => {
    await page.getByRole('combobox', { name: 'Theme' }).click()
    await page.getByRole('option', { name: 'Dark' }).click()
    await expect
      .poll(() => page.evaluate(() => matchMedia('(prefers-color-scheme: dark)').matches))
      .toBe(true)
    await setLanguage(page, 'zh-CN')
    await heading(page, '设置').waitFor()
    const labels = await studio.app.evaluate(({ Menu }) =>
      Menu.getApplicationMenu()?.items.map(({ label }) => label),
    )
    expect(labels).toContain('文件')
    const kept = JSON.parse(await readFile(path.join(studio.userData, 'settings.json'), 'utf8')) as unknown
    expect(kept).toMatchObject({ formatVersion: 1, theme: 'dark', language: 'zh-CN' })
    await setLanguage(page, 'en')
    await page.evaluate(() => window.api['settings:set']({ theme: 'system' }))
  })

  it('says what a number must be, and saves one that is right', async () => {
    const threads = page.getByLabel('Threads (threads)')
    await threads.fill('0')
    await threads.press('Enter')
    await page.getByRole('alert').getByText('from 1 to 256').waitFor()
    await threads.fill('1')
    await threads.press('Enter')
    await expect.poll(() => page.getByText('1 thread', { exact: true }).count()).toBe(1)
    await threads.fill('')
    await threads.press('Enter')
  })

  it('offers everything in the palette, by keyboard', async () => {
    await page.keyboard.press('Control+k')
    const field = page.getByRole('combobox', { name: 'Command palette' })
    await field.waitFor()
    await page.getByRole('option').first().waitFor()
    await axe(page)
    await screenshots(page, 'palette')
    await field.fill('queue')
    await field.press('Enter')
    await expect.poll(() => page.url()).toContain('#/queue')
    expect(await page.getByRole('combobox', { name: 'Command palette' }).count()).toBe(0)
  })

  it('follows the menu', async () => {
    await clickMenu(studio, 'View', 'Runs')
    await expect.poll(() => page.url()).toContain('#/runs')
    await clickMenu(studio, 'File', 'New Project…')
    await expect.poll(() => page.url()).toContain('#/new')
    await clickMenu(studio, 'Help', 'About OLMP Studio')
    await page.getByRole('dialog').getByText('ONNX Runtime').waitFor()
    await axe(page)
    await screenshots(page, 'about')
    await page.keyboard.press('Escape')
  })

  it('saves a report with versions and log, and without the home folder', async () => {
    const file = path.join(studio.userData, 'report.txt')
    await studio.app.evaluate(({ dialog, shell }, chosen) => {
      dialog.showSaveDialog = () => Promise.resolve({ canceled: false, filePath: chosen })
      shell.showItemInFolder = () => undefined
    }, file)
    await clickMenu(studio, 'Help', 'Save Report for a Bug…')
    const report = () => readFile(file, 'utf8').catch(() => '')
    await expect.poll(report).toContain('onednn')
    expect(await report()).toContain('"formatVersion": 1')
  })

  it('opens the import for a folder dropped on it', async () => {
    const folder = await mkdtemp(path.join(tmpdir(), 'olmp-drop-'))
    const file = path.join(folder, 'net.prototxt')
    try {
      await writeFile(file, '')
      const input = await page.evaluateHandle(() => {
        const made = document.createElement('input')
        made.type = 'file'
        document.body.append(made)
        return made
      })
      await input.setInputFiles(file)
      await page.evaluate((made) => {
        const transfer = new DataTransfer()
        const [dropped] = made.files ?? []
        transfer.items.add(dropped)
        made.remove()
        window.dispatchEvent(new DragEvent('drop', { dataTransfer: transfer, cancelable: true }))
      }, input)
      await expect.poll(() => decodeURIComponent(page.url())).toContain(`folder=${folder}`)
    } finally {
      await rm(folder, { recursive: true })
    }
  })

  it('asks before it closes on a run, and keeps it on Cancel', async () => {
    const asked = await studio.app.evaluate(async ({ BrowserWindow, dialog }) => {
      const seen: string[][] = []
      Object.assign(globalThis, { seen })
      dialog.showMessageBox = ((_window: unknown, options: Electron.MessageBoxOptions) => {
        seen.push(options.buttons ?? [])
        return Promise.resolve({ response: 2, checkboxChecked: false })
      }) as typeof dialog.showMessageBox
      return BrowserWindow.getAllWindows().length
    })
    expect(asked).toBe(1)
    await page.evaluate(() => (window.location.hash = '#/'))
    const project = await page.evaluate(async () => {
      for (;;) {
        const list = await window.api['projects:list']()
        if (list.ok && list.value.projects.length > 0 && list.value.preparing === null)
          return list.value.projects[0].id
        await new Promise((resolve) => setTimeout(resolve, 250))
      }
    })
    await page.evaluate(async (projectId) => {
      const opened = await window.api['projects:open']({ projectId })
      if (!opened.ok || opened.value.project.report.suggested === null) throw new Error('no settings')
      const settings = { ...opened.value.project.report.suggested, iterations: 100_000 }
      const started = await window.api['runs:start']({ projectId, request: { settings, threads: 1 } })
      if (!started.ok) throw new Error(started.error.message)
    }, project)
    await expect.poll(() => page.getByTestId('engine-state').getAttribute('class')).toContain('running')
    await studio.app.evaluate(({ BrowserWindow }) => BrowserWindow.getAllWindows()[0].close())
    await expect
      .poll(() => studio.app.evaluate(() => (Reflect.get(globalThis, 'seen') as string[][]).length))
      .toBe(1)
    const [buttons] = await studio.app.evaluate(() => Reflect.get(globalThis, 'seen') as string[][])
    expect(buttons).toEqual(['Pause the run and quit', 'Run in the background', 'Cancel'])
    expect(studio.app.windows().length).toBe(1)
    await page.evaluate((projectId) => (window.location.hash = `#/project/${projectId}`), project)
    await page.getByRole('navigation', { name: 'Views of the project' }).waitFor()
    await axe(page)
    await screenshots(page, 'project-shell')
    await clickMenu(studio, 'Run', 'Stop')
    await expect
      .poll(() => page.getByTestId('engine-state').textContent(), { timeout: 60_000 })
      .toContain('Idle')
  })

  it('raised no error on the page', () => {
    expect(studio.pageErrors).toEqual([])
  })
})

describe('a second start', () => {
  it('is where the first one ended, and says what became of settings it cannot read', async () => {
    const first = await launchStudio()
    await first.page.getByRole('link', { name: 'Settings' }).click()
    await heading(first.page, 'Settings').waitFor()
    await first.close({ keepData: true })
    await writeFile(path.join(first.userData, 'settings.json'), '{ "theme": ')
    const second = await launchStudio(first.userData, { stay: true })
    try {
      await heading(second.page, 'Settings').waitFor()
      await second.page.getByRole('alert').getByText('not valid JSON').waitFor()
    } finally {
      await second.close()
    }
  })
})
