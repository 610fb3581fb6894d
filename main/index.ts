// The app's life: wiring only.

import { availableParallelism } from 'node:os'
import path from 'node:path'

import {
  app,
  type BrowserWindow,
  dialog,
  ipcMain,
  MessageChannelMain,
  nativeTheme,
  session,
  shell,
  type WebContents,
} from 'electron'

import { enginePortMessage } from '../preload/contract'
import { EngineProcess } from './engine/EngineProcess'
import { UsageMonitor } from './engine/UsageMonitor'
import { createHandlers } from './ipc/handlers'
import { registerHandlers } from './ipc/register'
import { WindowEvents } from './ipc/WindowEvents'
import { describeError, toErrorRecord } from './net/errors'
import { DataService } from './projects/DataService'
import { EstimateService } from './projects/EstimateService'
import { CancellableJobs } from './projects/CancellableJobs'
import { ModelService } from './projects/ModelService'
import { NetService } from './projects/NetService'
import { ProjectService } from './projects/ProjectService'
import { ProjectStore } from './projects/ProjectStore'
import { RunFiles } from './projects/RunFiles'
import { RunService } from './projects/RunService'
import { SampleProjects } from './projects/SampleProjects'
import { SensitivityService } from './projects/SensitivityService'
import { Trash } from './projects/Trash'
import { TryService } from './projects/TryService'
import { ReportService } from './report/ReportService'
import { SettingsStore } from './settings/SettingsStore'
import { AppLog } from './shell/AppLog'
import { AppMenu } from './shell/AppMenu'
import { createKeepAwake, showNotice } from './shell/desktop'
import { folderArgument } from './shell/folderArgument'
import { HelpService } from './shell/HelpService'
import { blockNetwork, quietChromium } from './shell/network'
import { RunWatcher } from './shell/RunWatcher'
import { SettingsService } from './shell/SettingsService'
import { StudioWindow } from './shell/StudioWindow'
import { Texts } from './shell/texts'
import { denyPermissions, isOwnPage, lockNavigation, registerScheme, serveRenderer } from './window'

const checkpointGraceMs = 20_000
const outFolder = path.resolve(import.meta.dirname, '..')
const resourcesFolder = app.isPackaged ? process.resourcesPath : path.join(app.getAppPath(), 'resources')

if (process.env.OLMP_USER_DATA) app.setPath('userData', path.resolve(process.env.OLMP_USER_DATA))
registerScheme()
lockNavigation()
quietChromium(app.commandLine)

/** Named on the command line: the import of this folder opens. */
const folderAtStart = folderArgument({
  argv: process.argv,
  workingFolder: process.cwd(),
  packaged: app.isPackaged,
})

if (app.requestSingleInstanceLock({ folder: folderAtStart })) void start()
else app.quit()

async function start(): Promise<void> {
  await app.whenReady()
  const userData = app.getPath('userData')
  const log = new AppLog(path.join(userData, 'logs'))
  const note = (source: string, text: string) => {
    process.stderr.write(`${source}: ${text.endsWith('\n') ? text : `${text}\n`}`)
    log.write(source, text)
  }
  const texts = new Texts()
  const settings = new SettingsService({
    store: new SettingsStore(path.join(userData, 'settings.json')),
    texts,
    systemLocale: app.getLocale(),
    standardDataFolder: userData,
    theme: nativeTheme,
  })
  const data = settings.dataFolder

  const engine = new EngineProcess({
    modulePath: path.join(outFolder, 'main/engine.js'),
    folders: { cache: path.join(data, 'cache'), resources: resourcesFolder, data },
    onOutput: (text) => note('engine', text),
  })
  const store = new ProjectStore({ folder: path.join(data, 'projects') })
  const trash = new Trash({
    folder: path.join(data, 'deleted'),
    moveToSystemTrash: (folder) => shell.trashItem(folder),
    onProblem: (error) => note('trash', error.describe()),
  })
  const events: WindowEvents = new WindowEvents(() => window.contents)
  const runs = new RunService({
    engine,
    store,
    events,
    trash,
    settings: () => settings.state().settings,
    queueFile: path.join(data, 'queue.json'),
  })
  const saveFile = (wish: { title?: string; name: string; extension: string }) =>
    chooseSaveFile(window.browserWindow, { ...wish, folder: app.getPath('downloads') })
  const runFiles = new RunFiles({ library: runs.library, chooseSaveFile: saveFile })
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

  const modelJobs = new CancellableJobs((progress) => events.send('models:progress', progress))
  const tries = new TryService({ engine, store, jobs: modelJobs })
  const models = new ModelService({
    engine,
    store,
    trash,
    jobs: modelJobs,
    tries,
    events,
    chooseSaveFile: saveFile,
    reveal: (file) => shell.showItemInFolder(file),
  })
  const reports = new ReportService({
    history: (address) => runs.library.history(address),
    runFolderOf: (projectId, runId) => store.runFolderOf(projectId, runId),
    version: app.getVersion(),
    language: () => texts.language,
    chooseSaveFile: (wish) =>
      chooseSaveFile(window.browserWindow, { ...wish, folder: app.getPath('documents') }),
    reveal: (file) => shell.showItemInFolder(file),
  })
  trash.on('restored', (folder) => models.restored(folder))

  const window = new StudioWindow({
    preload: path.join(outFolder, 'preload/index.cjs'),
    texts,
    isRunning: () => runs.engineStatus.state === 'running',
    onLoaded: (contents) => {
      if (engine.pid !== undefined) attachWindow(contents)
    },
    quit: () => app.quit(),
  })
  const help = new HelpService({
    version: app.getVersion(),
    resourcesFolder,
    appFolder: app.getAppPath(),
    downloadsFolder: app.getPath('downloads'),
    texts,
    log,
    systemInfo: () => engine.request('systemInfo', undefined),
    settings: () => settings.state().settings,
    projectLines: () => projectLines(store, runs),
    window: () => window.browserWindow,
  })

  denyPermissions()
  blockNetwork(session.defaultSession)
  serveRenderer(path.join(outFolder, 'renderer'))
  registerHandlers({
    ipc: ipcMain,
    isOwnPage,
    handlers: createHandlers({
      engine,
      store,
      runs,
      runFiles,
      reports,
      projects,
      data: dataService,
      estimates,
      models,
      modelJobs,
      tries,
      net,
      sensitivity,
      events,
      help,
      settings,
      restart: () => {
        app.relaunch()
        app.quit()
      },
      chooseFolder: (title) => chooseFolder(window.browserWindow, title),
      revealFile: (file) => shell.showItemInFolder(file),
      appInfo: () => ({ version: app.getVersion(), electron: process.versions.electron }),
    }),
    onDefect: (channel, error) => note(channel, describeDefect(error)),
  })

  const attachWindow = (contents: WebContents | null) => {
    if (contents === null || contents.isDestroyed()) return
    const { port1, port2 } = new MessageChannelMain()
    engine.attach(port1)
    contents.postMessage(enginePortMessage, null, [port2])
  }
  engine.on('started', () => attachWindow(window.contents))

  const failing = (work: Promise<unknown>) => void work.catch((error: unknown) => showFailure(error, note))
  const menu = new AppMenu({
    texts,
    theme: () => settings.state().settings.theme,
    recent: (most) => projects.recent(most),
    actions: {
      goTo: (destination) => window.goTo(destination),
      command: (name) => window.command(name),
      setTheme: (theme) => void settings.set({ theme }),
      pauseRun: (run) => failing(runs.stop(run, 'paused')),
      stopRun: (run) => failing(runs.stop(run, 'stopped')),
      resumeRun: (run) => failing(runs.resume(run)),
      showRun: (run) => window.goTo({ view: 'run', ...run }),
      openGuide: () => failing(help.openGuide()),
      openNotices: () => failing(help.openNotices()),
      saveReport: () =>
        failing(help.saveReport().then((file) => (file === null ? null : shell.showItemInFolder(file)))),
      quit: () => void window.askToQuit(),
    },
  })
  const watcher = new RunWatcher({
    texts,
    keepAwake: createKeepAwake(),
    showProgress: (fraction) => window.showProgress(fraction),
    notify: (notice) => {
      const { projectId, runId } = notice
      if (!window.isInFront) showNotice(notice, () => window.goTo({ view: 'run', projectId, runId }))
    },
    notificationsWanted: () => settings.state().settings.notifications,
    projectName: async (projectId) => (await store.open(projectId)).name,
  })
  engine.on('run-events', (message) => watcher.runEvents(message))
  events.on('engine:status', (status) => {
    menu.engineChanged(status)
    watcher.engineChanged(status)
    if (status.state !== 'running') window.comeBack()
  })
  events.on('runs:changed', (summary) => {
    menu.runChanged(summary)
    failing(watcher.runChanged(summary))
  })
  events.on('projects:changed', () => failing(menu.projectsChanged()))
  projects.on('changed', () => failing(menu.projectsChanged()))
  settings.on('changed', (state) => {
    events.send('settings:changed', state)
    menu.build()
  })

  menu.build()
  failing(menu.projectsChanged())
  window.open()
  if (folderAtStart !== null) window.goTo({ view: 'import', folder: folderAtStart })
  void trash.empty()
  void samples.createAtFirstStart()

  app.on('activate', () => window.show())
  app.on('second-instance', (_event, _argv, _workingFolder, additional) => {
    const { folder } = additional as { folder: string | null }
    if (folder === null) window.show()
    else window.goTo({ view: 'import', folder })
  })
  app.on('window-all-closed', () => {
    if (process.platform !== 'darwin') app.quit()
  })
  app.on('before-quit', () => window.prepareToQuit())
  quitAfter(async () => {
    runs.close()
    await Promise.all([engine.shutDown(checkpointGraceMs), trash.empty()])
  })
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

/** A command of the menu that was refused: the window may not be there to say it. */
function showFailure(error: unknown, note: (source: string, text: string) => void): void {
  const record = toErrorRecord(error)
  if (record.code === 'internal') note('menu', describeDefect(error))
  dialog.showErrorBox(app.name, describeError(record))
}

/** What the report for a bug says of projects: no names, no paths. */
async function projectLines(store: ProjectStore, runs: RunService): Promise<string[]> {
  const { projects, unreadable } = await store.list()
  const lines = projects.map(async ({ id, report }) => {
    const { runs: listed } = await runs.list(id)
    return `${report.parameters} parameters, ${listed.length} runs: ${listed.map(({ state }) => state).join(' ')}`
  })
  return [...(await Promise.all(lines)), ...unreadable.map((error) => `unreadable: ${error.code}`)]
}

/** null where it was cancelled. */
async function chooseSaveFile(
  window: BrowserWindow | null,
  { title, name, extension, folder }: { title?: string; name: string; extension: string; folder: string },
): Promise<string | null> {
  const options = {
    title,
    defaultPath: path.join(folder, name),
    filters: [{ name: extension, extensions: [extension] }],
  }
  const { canceled, filePath } = await (window === null
    ? dialog.showSaveDialog(options)
    : dialog.showSaveDialog(window, options))
  return canceled || filePath === '' ? null : filePath
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
