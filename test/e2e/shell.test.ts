// The window's shell: what it serves, what it denies.

import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import { launchStudio, type Studio } from './launch'

describe('the window', () => {
  let studio: Studio

  beforeAll(async () => {
    studio = await launchStudio()
  })

  afterAll(() => studio.close())

  it('opens on the projects', async () => {
    await studio.page.getByRole('heading', { name: 'Projects' }).waitFor()
    expect(await studio.page.title()).toBe('OLMP Studio')
  })

  it('has no Node, and one door', async () => {
    const found = await studio.page.evaluate(() => ({
      require: 'require' in window,
      process: 'process' in window,
      api: Object.keys(window.api).length > 0,
      ipcRenderer: 'ipcRenderer' in window,
    }))
    expect(found).toEqual({ require: false, process: false, api: true, ipcRenderer: false })
  })

  it('is sandboxed and isolated', async () => {
    const preferences = await studio.app.evaluate(({ BrowserWindow }) => {
      const contents = BrowserWindow.getAllWindows()[0].webContents as unknown as {
        getLastWebPreferences(): { sandbox: boolean; contextIsolation: boolean; nodeIntegration: boolean }
      }
      const { sandbox, contextIsolation, nodeIntegration } = contents.getLastWebPreferences()
      return { sandbox, contextIsolation, nodeIntegration }
    })
    expect(preferences).toEqual({ sandbox: true, contextIsolation: true, nodeIntegration: false })
  })

  it('runs no script of a string, and none from elsewhere', async () => {
    const policy = await studio.app.evaluate(async ({ net }) => {
      const answer = await net.fetch('app://studio/index.html')
      return answer.headers.get('content-security-policy')
    })
    expect(policy).toContain("default-src 'none'")
    expect(policy).not.toContain('unsafe')
    const injected = await studio.page.evaluate(() => {
      const script = document.createElement('script')
      script.textContent = 'window.injected = true'
      document.head.append(script)
      return 'injected' in window
    })
    expect(injected).toBe(false)
    expect(studio.pageErrors.splice(0).join()).toContain('Content Security Policy')
  })

  it.each([
    ['app://studio/index.html', 200],
    ['app://studio/..%2f..%2fpackage.json', 404],
    ['app://studio/%2e%2e/main/index.js', 404],
    ['app://studio/..%5cmain%5cindex.js', 404],
    ['app://studio/absent.js', 404],
    ['app://studio/%', 404],
    ['app://elsewhere/index.html', 404],
  ])('answers a request for %s with %i', async (url, expected) => {
    const status = await studio.app.evaluate(
      ({ net }, address) => net.fetch(address).then(({ status }) => status),
      url,
    )
    expect(status).toBe(expected)
  })

  it('opens no other window and goes to no other page', async () => {
    await studio.page.evaluate(() => {
      window.open('https://example.org/')
      window.location.href = 'https://example.org/'
    })
    await studio.page.waitForTimeout(300)
    expect(studio.page.url()).toMatch(/^app:\/\/studio\//)
    expect(studio.app.windows().length).toBe(1)
  })

  it('grants no permission', async () => {
    const state = await studio.page.evaluate(() =>
      navigator.mediaDevices === undefined
        ? 'denied'
        : navigator.mediaDevices.getUserMedia({ audio: true }).then(
            () => 'granted',
            () => 'denied',
          ),
    )
    expect(state).toBe('denied')
  })

  it('checks requests at the edge', async () => {
    const result = await studio.page.evaluate(() => window.api['projects:open']({ projectId: '../x' }))
    expect(result).toMatchObject({ ok: false, error: { code: 'invalid-request' } })
  })

  it('raised no error on the page', () => {
    expect(studio.pageErrors).toEqual([])
  })
})
