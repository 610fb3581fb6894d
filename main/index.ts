// The app's life: wiring only.

import { availableParallelism } from 'node:os'
import path from 'node:path'

import { app, BrowserWindow, dialog, ipcMain, MessageChannelMain, shell } from 'electron'

import { enginePortMessage } from '../preload/contract'
import { EngineProcess } from './engine/EngineProcess'
import { UsageMonitor } from './engine/UsageMonitor'
import { createHandlers } from './ipc/handlers'
import { registerHandlers } from './ipc/register'
import { WindowEvents } from './ipc/WindowEvents'
import { setMenu } from './menu'
import { AppError } from './net/errors'
import { DataService } from './projects/DataService'
import { EstimateService } from './projects/EstimateService'
import { NetService } from './projects/NetService'
import { ProjectService } from './projects/ProjectService'
import { ProjectStore } from './projects/ProjectStore'
import { RunService } from './projects/RunService'
import { SampleProjects } from './projects/SampleProjects'
import { SensitivityService } from './projects/SensitivityService'
import { Trash } from './projects/Trash'
import {
  denyPermissions,
  isOwnPage,
  lockNavigation,
  openWindow,
  registerScheme,
  serveRenderer,
} from './window'

const checkpointGraceMs = 20_000
const outFolder = path.resolve(import.meta.dirname, '..')
const resourcesFolder = app.isPackaged ? process.resourcesPath : path.join(app.getAppPath(), 'resources')

if (process.env.OLMP_USER_DATA) app.setPath('userData', path.resolve(process.env.OLMP_USER_DATA))
registerScheme()
lockNavigation()

if (app.requestSingleInstanceLock()) void start()
else app.quit()

async function start(): Promise<void> {
  await app.whenReady()
  let window: BrowserWindow | null = null
  const data = app.getPath('userData')

  const engine = new EngineProcess({
    modulePath: path.join(outFolder, 'main/engine.js'),
    folders: { cache: path.join(data, 'cache'), resources: resourcesFolder, data },
    onOutput: (text) => process.stderr.write(`engine: ${text}`),
  })
  const store = new ProjectStore({ folder: path.join(data, 'projects') })
  const trash = new Trash({
    folder: path.join(data, 'deleted'),
    moveToSystemTrash: (folder) => shell.trashItem(folder),
    onProblem: (error) => process.stderr.write(`${error.describe()}\n`),
  })
  const events = new WindowEvents(() => window?.webContents ?? null)
  const runs = new RunService({ engine, store, events, moveToTrash })
  const samples = new SampleProjects({ engine, store, events, stateFile: path.join(data, 'samples.json') })
  const dataService = new DataService({ engine, store, events })
  const projects = new ProjectService({
    engine,
    store,
    runs,
    samples,
    data: dataService,
    trash,
    events,
    reveal: (folder) => shell.showItemInFolder(folder),
  })

  const estimates = new EstimateService({ engine, store })
  new UsageMonitor({
    metrics: () => app.getAppMetrics(),
    enginePid: () => engine.pid,
    isRunning: () => runs.engineStatus.state === 'running',
    send: (usage) => events.send('engine:usage', usage),
  })
  const net = new NetService({ engine, store })
  const sensitivity = new SensitivityService({ engine, store, events, threads: availableParallelism })

  denyPermissions()
  serveRenderer(path.join(outFolder, 'renderer'))
  registerHandlers({
    ipc: ipcMain,
    isOwnPage,
    handlers: createHandlers({
      engine,
      store,
      runs,
      projects,
      data: dataService,
      estimates,
      net,
      sensitivity,
      events,
      chooseFolder: (title) => chooseFolder(window, title),
      revealFile: (file) => shell.showItemInFolder(file),
      appInfo: () => ({ version: app.getVersion(), electron: process.versions.electron }),
    }),
    onDefect: (channel, error) => process.stderr.write(`${channel}: ${describeDefect(error)}\n`),
  })

  const attachWindow = () => {
    if (window === null || window.webContents.isDestroyed()) return
    const { port1, port2 } = new MessageChannelMain()
    engine.attach(port1)
    window.webContents.postMessage(enginePortMessage, null, [port2])
  }
  engine.on('started', attachWindow)

  const open = () => {
    window = openWindow(path.join(outFolder, 'preload/index.cjs'))
    // After every load, because a reload ends the ports of the page before it.
    window.webContents.on('did-finish-load', () => {
      if (engine.pid !== undefined) attachWindow()
    })
    window.on('closed', () => (window = null))
  }
  setMenu(() => window)
  open()
  void trash.empty()
  void samples.createAtFirstStart()

  app.on('activate', () => {
    if (BrowserWindow.getAllWindows().length === 0) open()
  })
  app.on('second-instance', () => {
    if (window?.isMinimized()) window.restore()
    window?.focus()
  })
  app.on('window-all-closed', () => {
    if (process.platform !== 'darwin') app.quit()
  })
  quitAfter(async () => {
    await Promise.all([engine.shutDown(checkpointGraceMs), trash.empty()])
  })
}

/** Some desktops have no trash; then nothing is deleted. */
async function moveToTrash(folder: string): Promise<void> {
  try {
    await shell.trashItem(folder)
  } catch (cause) {
    throw new AppError('not-trashed', 'The folder could not be moved to the trash.', {
      file: folder,
      cause,
      hint: 'Remove it in the file manager.',
    })
  }
}

/** Holds back the end of the app until the work given is done, once. */
function quitAfter(work: () => Promise<void>): void {
  let done = false
  app.on('before-quit', (event) => {
    if (done) return
    event.preventDefault()
    void work().finally(() => {
      done = true
      app.quit()
    })
  })
}

async function chooseFolder(window: BrowserWindow | null, title: string): Promise<string | null> {
  const options = { title, properties: ['openDirectory' as const] }
  const answer = await (window === null
    ? dialog.showOpenDialog(options)
    : dialog.showOpenDialog(window, options))
  return answer.canceled ? null : answer.filePaths[0]
}

function describeDefect(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}
