// The real app, in a fresh data folder.

import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import path from 'node:path'

import type AxeCore from 'axe-core'
import { _electron, type ElectronApplication, type Page } from 'playwright-core'

declare global {
  interface Window {
    /** While a test looks at the page. */
    readonly axe: typeof AxeCore
  }
}

const projectRoot = path.resolve(import.meta.dirname, '../..')
// A copy of the app with bundles of its own (OLMP_OUT), for work on several at a time.
const appFolder = process.env.OLMP_APP ?? projectRoot
const dist = path.join(projectRoot, 'node_modules/electron/dist')
const executable = {
  linux: path.join(dist, 'electron'),
  darwin: path.join(dist, 'Electron.app/Contents/MacOS/Electron'),
  win32: path.join(dist, 'electron.exe'),
}[process.platform as 'linux' | 'darwin' | 'win32']

export interface Studio {
  app: ElectronApplication
  page: Page
  userData: string
  /** What the processes wrote to stderr so far. */
  stderr(): string
  /** Errors and refusals (CSP, for one) on the page's console so far. */
  pageErrors: string[]
  close(options?: { keepData: boolean }): Promise<void>
}

/** How the app is started in a data folder: for Playwright, and for a second start beside the first. */
export function startOf(userData: string) {
  const asRoot = process.platform === 'linux' && process.getuid?.() === 0
  return {
    executablePath: executable,
    args: [...(asRoot ? ['--no-sandbox'] : []), '--disable-gpu', appFolder],
    env: { ...environment(), OLMP_USER_DATA: userData },
  }
}

/** With the data folder of an earlier launch the window opens where it was then, if `stay`; else on the projects. */
export async function launchStudio(userData?: string, { stay } = { stay: false }): Promise<Studio> {
  const folder = userData ?? (await mkdtemp(path.join(tmpdir(), 'olmp-e2e-')))
  const app = await _electron.launch(startOf(folder))
  let stderr = ''
  app.process().stderr?.on('data', (chunk) => (stderr += chunk))
  const page = await app.firstWindow()
  const pageErrors: string[] = []
  page.on('console', (message) => {
    if (message.type() === 'error') pageErrors.push(message.text())
  })
  page.on('pageerror', (error) => pageErrors.push(error.message))
  await app.evaluate(({ BrowserWindow }) => {
    BrowserWindow.getAllWindows()[0].setContentSize(1280, 800)
  })
  if (userData !== undefined && !stay) await page.evaluate(() => (window.location.hash = '#/'))
  return {
    app,
    page,
    userData: folder,
    stderr: () => stderr,
    pageErrors,
    async close({ keepData } = { keepData: false }) {
      await app.close()
      if (!keepData) await rm(folder, { recursive: true, force: true })
    },
  }
}

const languages = ['en', 'zh-CN'] as const
const sizes = [
  { width: 1920, height: 1080 },
  { width: 1280, height: 800 },
]

/** Into test-results/: both languages, both themes, both sizes, as <name>-<language>-<theme>-<width>.png. */
export async function screenshots(page: Page, name: string): Promise<void> {
  const folder = path.join(projectRoot, 'test-results')
  if (!existsSync(folder)) mkdirSync(folder, { recursive: true })
  // Without transitions no picture catches a colour on its way.
  await page.emulateMedia({ reducedMotion: 'reduce' })
  for (const language of languages) {
    await setLanguage(page, language)
    for (const size of sizes) {
      await page.setViewportSize(size)
      for (const colorScheme of ['light', 'dark'] as const) {
        await page.emulateMedia({ colorScheme })
        await settled(page)
        await requireStill(page, name)
        await page.screenshot({
          path: path.join(folder, `${name}-${language}-${colorScheme}-${size.width}.png`),
        })
      }
    }
  }
  await page.emulateMedia({ colorScheme: null, reducedMotion: null })
  await setLanguage(page, 'en')
}

export async function setLanguage(page: Page, language: 'en' | 'zh-CN'): Promise<void> {
  await page.evaluate((chosen) => window.api['settings:set']({ language: chosen }), language)
  // not waitForFunction: it evaluates a string, which the page's CSP refuses
  for (let frames = 0; frames < 300; frames++) {
    if ((await page.evaluate(() => document.documentElement.lang)) === language) return
    await settled(page)
  }
  throw new Error(`the window does not speak ${language}`)
}

/** Views scroll inside the window; the page itself does not, or it would have a second scroll bar. */
async function requireStill(page: Page, name: string): Promise<void> {
  const excess = await page.evaluate(() => {
    const { scrollHeight, clientHeight, scrollWidth, clientWidth } = document.documentElement
    return Math.max(scrollHeight - clientHeight, scrollWidth - clientWidth)
  })
  if (excess > 0) throw new Error(`${name}: the page is ${excess} px larger than the window`)
}

/** Two frames: charts draw a frame after what they watch. */
function settled(page: Page): Promise<void> {
  return page.evaluate(
    () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(undefined)))),
  )
}

const axeSource = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

/** Fails where axe-core finds anything serious on the page as it stands, in either theme. */
export async function axe(page: Page): Promise<void> {
  await page.evaluate(axeSource)
  for (const colorScheme of ['light', 'dark'] as const) {
    // a colour on its way to another is neither
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' })
    await settled(page)
    const found = await page.evaluate(async () => {
      const { violations } = await window.axe.run(document, { resultTypes: ['violations'] })
      return violations
        .filter(({ impact }) => impact === 'serious' || impact === 'critical')
        .flatMap(({ id, help, nodes }) =>
          nodes.map(({ html, failureSummary }) => `${id}: ${help}\n  ${html}\n  ${failureSummary ?? ''}`),
        )
    })
    if (found.length > 0) throw new Error(`axe-core (${colorScheme}):\n${found.join('\n')}`)
  }
  await page.emulateMedia({ colorScheme: null, reducedMotion: null })
}

/** What a test of the tests' own environment must not leak: flags that turn Electron into Node. */
function environment(): Record<string, string> {
  const entries = Object.entries(process.env).filter(
    (entry): entry is [string, string] => entry[1] !== undefined && entry[0] !== 'ELECTRON_RUN_AS_NODE',
  )
  return Object.fromEntries(entries)
}
