// What the page may do and what it is refused: docs/security.md names the item each test shows.

import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import { launchStudio, type Studio } from './launch'

describe('the page', () => {
  let studio: Studio

  beforeAll(async () => {
    studio = await launchStudio()
    await studio.page.getByRole('navigation').first().waitFor()
  })

  afterAll(() => studio.close())

  it('raises no error of its own', () => {
    expect(studio.pageErrors).toEqual([])
  })

  it('has no Node, and one door with one method per message', async () => {
    const found = await studio.page.evaluate(() => ({
      require: 'require' in window,
      process: 'process' in window,
      ipcRenderer: 'ipcRenderer' in window,
      generic: ['invoke', 'send', 'postMessage'].filter((name) => name in window.api),
      frozen: Reflect.set(window, 'api', {}) === false || 'settings:get' in window.api,
    }))
    expect(found).toEqual({ require: false, process: false, ipcRenderer: false, generic: [], frozen: true })
  })

  it('is sandboxed and isolated', async () => {
    const preferences = await studio.app.evaluate(({ BrowserWindow }) => {
      const contents = BrowserWindow.getAllWindows()[0].webContents as unknown as {
        getLastWebPreferences(): Record<string, unknown>
      }
      const found = contents.getLastWebPreferences()
      const names = [
        'sandbox',
        'contextIsolation',
        'nodeIntegration',
        'nodeIntegrationInWorker',
        'webSecurity',
        'allowRunningInsecureContent',
        'experimentalFeatures',
        'webviewTag',
        'enableBlinkFeatures',
      ]
      return Object.fromEntries(names.map((name) => [name, found[name] ?? false]))
    })
    expect(preferences).toMatchObject({
      sandbox: true,
      contextIsolation: true,
      nodeIntegration: false,
      nodeIntegrationInWorker: false,
      webSecurity: true,
      allowRunningInsecureContent: false,
      experimentalFeatures: false,
      webviewTag: false,
    })
  })

  it.each(['index.html', 'absent.js'])('is answered with the policy: %s', async (file) => {
    const policy = await studio.app.evaluate(async ({ net }, name) => {
      const answer = await net.fetch(`app://studio/${name}`)
      return answer.headers.get('content-security-policy')
    }, file)
    expect(policy).toContain("default-src 'none'")
    expect(policy).toContain("script-src 'self'")
    expect(policy).toContain("style-src 'self'")
    expect(policy).not.toMatch(/unsafe|\*|https?:/)
  })

  it('runs no inline script, no string and no inline style', async () => {
    const found = await studio.page.evaluate(() => {
      const script = document.createElement('script')
      script.textContent = 'window.injected = true'
      document.head.append(script)
      const style = document.createElement('style')
      style.textContent = 'body { outline: 7px solid red }'
      document.head.append(style)
      const styled = getComputedStyle(document.body).outlineWidth === '7px'
      style.remove()
      script.remove()
      return { script: 'injected' in window, styled }
    })
    expect(found).toEqual({ script: false, styled: false })
    // In the page's own world: what a test evaluates is not bound by the policy.
    const evaluated = await studio.page.evaluate(
      () =>
        new Promise<string>((resolve) => {
          window.addEventListener('securitypolicyviolation', (violation) => resolve(violation.blockedURI), {
            once: true,
          })
          setTimeout(() => resolve('none'), 2000)
          setTimeout('window.evaluated = true', 0)
        }),
    )
    expect(evaluated).toBe('eval')
    expect(await studio.page.evaluate(() => 'evaluated' in window)).toBe(false)
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
  ])('is served its own files only: %s is answered with %i', async (url, expected) => {
    const status = await studio.app.evaluate(
      ({ net }, address) => net.fetch(address).then(({ status }) => status),
      url,
    )
    expect(status).toBe(expected)
  })

  it('goes to no other page and opens no window', async () => {
    await studio.page.evaluate(() => {
      window.open('https://example.org/')
      window.open('file:///etc/passwd')
      window.location.href = 'https://example.org/'
    })
    await studio.page.waitForTimeout(300)
    expect(studio.page.url()).toMatch(/^app:\/\/studio\//)
    expect(studio.app.windows().length).toBe(1)
  })

  it('hands the browser links to known hosts only', async () => {
    await studio.app.evaluate(({ shell }) => {
      const opened: string[] = []
      Object.assign(globalThis, { opened })
      shell.openExternal = (url: string) => {
        opened.push(url)
        return Promise.resolve()
      }
    })
    await studio.page.evaluate(() => {
      for (const url of [
        'https://arxiv.org/abs/1608.04493',
        'http://arxiv.org/',
        'https://arxiv.org.example.org/',
        'https://user@github.com/',
        'file:///etc/passwd',
        'smb://host/share',
      ])
        window.open(url)
    })
    await studio.page.waitForTimeout(300)
    const opened = await studio.app.evaluate(() => Reflect.get(globalThis, 'opened') as string[])
    expect(opened).toEqual(['https://arxiv.org/abs/1608.04493'])
    expect(studio.app.windows().length).toBe(1)
  })

  it('has no webview', async () => {
    const attached = await studio.page.evaluate(() => {
      const webview = document.createElement('webview')
      webview.setAttribute('src', 'https://example.org/')
      document.body.append(webview)
      const found = 'getWebContentsId' in webview
      webview.remove()
      return found
    })
    expect(attached).toBe(false)
  })

  it.each(['media', 'geolocation', 'notifications', 'clipboard-read', 'usb'])(
    'is granted no %s',
    async (permission) => {
      const granted = await studio.page.evaluate(async (name) => {
        const denied = () => false
        const allowed = () => true
        switch (name) {
          case 'media':
            return navigator.mediaDevices === undefined
              ? false
              : navigator.mediaDevices.getUserMedia({ audio: true }).then(allowed, denied)
          case 'geolocation':
            return new Promise<boolean>((resolve) =>
              navigator.geolocation.getCurrentPosition(
                () => resolve(true),
                () => resolve(false),
              ),
            )
          case 'notifications':
            return (await Notification.requestPermission()) === 'granted'
          case 'clipboard-read':
            return navigator.clipboard === undefined
              ? false
              : navigator.clipboard.readText().then(allowed, denied)
          default:
            return (
              'usb' in navigator &&
              (await (navigator.usb as { getDevices(): Promise<unknown[]> }).getDevices()).length > 0
            )
        }
      }, permission)
      expect(granted).toBe(false)
    },
  )

  it('checks what it is asked at the edge', async () => {
    const result = await studio.page.evaluate(() => window.api['projects:open']({ projectId: '../x' }))
    expect(result).toMatchObject({ ok: false, error: { code: 'invalid-request' } })
    const settings = await studio.page.evaluate(() =>
      window.api['settings:set']({ threads: -1, formatVersion: 9 } as unknown as { threads: number }),
    )
    expect(settings).toMatchObject({ ok: false, error: { code: 'invalid-request' } })
  })

  it('reaches nothing outside: Chromium refuses every request that is not for the app’s files', async () => {
    const { createServer } = await import('node:http')
    const heard: string[] = []
    const server = createServer((request, response) => {
      heard.push(request.url ?? '')
      response.end('x')
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const address = server.address()
    const port = typeof address === 'object' && address !== null ? address.port : 0
    try {
      const error = await studio.app.evaluate(
        ({ session }, url) =>
          session.defaultSession.fetch(url).then(
            () => 'answered',
            (reason: Error) => reason.message,
          ),
        `http://127.0.0.1:${port}/main`,
      )
      expect(error).toContain('ERR_BLOCKED_BY_CLIENT')
      await studio.page.evaluate(
        (url) => fetch(url, { mode: 'no-cors' }).catch(() => undefined),
        `http://127.0.0.1:${port}/page`,
      )
      expect(heard).toEqual([])
    } finally {
      server.close()
      studio.pageErrors.splice(0)
    }
  })

  it('is asked by no frame but its own', async () => {
    const answer = await studio.app.evaluate(async ({ app, BrowserWindow }) => {
      // A second window with this app's preload on a page that is not the app's.
      const preload = `${app.getAppPath()}/out/preload/index.cjs`
      const foreign = new BrowserWindow({
        show: false,
        webPreferences: { preload, sandbox: true, contextIsolation: true },
      })
      try {
        await foreign.loadURL('data:text/html,<title>foreign</title>')
        return (await foreign.webContents.executeJavaScript(`window.api['settings:get']()`)) as unknown
      } finally {
        foreign.destroy()
      }
    })
    expect(answer).toMatchObject({ ok: false, error: { code: 'foreign-sender' } })
  })
})
