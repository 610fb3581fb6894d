// The window: sandboxed, served from app://, locked to its own pages.

import { readFile, stat } from 'node:fs/promises'
import path from 'node:path'

import { app, BrowserWindow, nativeTheme, protocol, type Session, session, shell } from 'electron'

import { isAllowedLink } from './shell/links'
import { readWindowPlace, writeWindowPlace } from './windowPlace'

const scheme = 'app'
const origin = `${scheme}://studio`

const contentSecurityPolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "font-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')

const contentTypes: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.woff2': 'font/woff2',
}

/** Before the app is ready. */
export function registerScheme(): void {
  protocol.registerSchemesAsPrivileged([{ scheme, privileges: { standard: true, secure: true } }])
}

/** Serves the files of one folder, and nothing outside it. */
export function serveRenderer(folder: string): void {
  protocol.handle(scheme, async (request) => {
    const file = requestedFile(request.url, folder)
    const type = file === null ? undefined : contentTypes[path.extname(file)]
    const headers = {
      'Content-Security-Policy': contentSecurityPolicy,
      'X-Content-Type-Options': 'nosniff',
    }
    if (file === null || type === undefined || !(await isFile(file)))
      return new Response(null, { status: 404, headers })
    return new Response(await readFile(file), { headers: { ...headers, 'Content-Type': type } })
  })
}

/** The file below the folder that the address names, or null. */
function requestedFile(address: string, folder: string): string | null {
  const url = new URL(address)
  if (url.host !== 'studio') return null
  try {
    const file = path.join(folder, decodeURIComponent(url.pathname))
    return file.startsWith(folder + path.sep) ? file : null
  } catch {
    // a percent sign that encodes nothing
    return null
  }
}

function isFile(file: string): Promise<boolean> {
  return stat(file).then(
    (entry) => entry.isFile(),
    () => false,
  )
}

/** Camera, location and the like: this app asks for none. */
export function denyPermissions(target: Session = session.defaultSession): void {
  target.setPermissionRequestHandler((_contents, _permission, answer) => answer(false))
  target.setPermissionCheckHandler(() => false)
}

/** Every web contents there will ever be: no other page, no other window, no webview. A link to a known page opens in
 *  the browser. */
export function lockNavigation(): void {
  // No name is ever looked up. Chromium itself would else ask Google for spelling dictionaries at every start, with the
  // spelling checker off too.
  app.commandLine.appendSwitch('host-resolver-rules', 'MAP * ~NOTFOUND')
  app.on('web-contents-created', (_event, contents) => {
    contents.setWindowOpenHandler(({ url }) => {
      if (isAllowedLink(url)) void shell.openExternal(url)
      return { action: 'deny' }
    })
    contents.on('will-navigate', (event) => event.preventDefault())
    contents.on('will-redirect', (event) => event.preventDefault())
    contents.on('will-attach-webview', (event) => event.preventDefault())
  })
}

/** True where a frame shows this app's own page. */
export function isOwnPage(url: string): boolean {
  return url.startsWith(`${origin}/`)
}

export function openWindow(preload: string): BrowserWindow {
  const placeFile = path.join(app.getPath('userData'), 'window.json')
  const place = readWindowPlace(placeFile)
  const window = new BrowserWindow({
    ...place,
    minWidth: 880,
    minHeight: 560,
    show: false,
    title: app.name,
    // that of the page, so that nothing flashes before its first paint
    backgroundColor: nativeTheme.shouldUseDarkColors ? '#1e1f22' : '#f3f4f5',
    webPreferences: {
      preload,
      sandbox: true,
      contextIsolation: true,
      nodeIntegration: false,
      webSecurity: true,
      spellcheck: false,
    },
  })
  window.once('ready-to-show', () => window.show())
  window.on('close', () => writeWindowPlace(placeFile, window.getNormalBounds()))
  void window.loadURL(`${origin}/index.html`)
  return window
}
