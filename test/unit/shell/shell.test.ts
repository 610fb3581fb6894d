import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import os, { tmpdir } from 'node:os'
import path from 'node:path'

import { afterEach, beforeEach, describe, expect, it } from 'vitest'

import { menuTemplate, type MenuActions, type MenuState } from '../../../main/menu'
import type { RunSummary } from '../../../main/projects/types'
import { defaultSettings } from '../../../main/settings/types'
import { AppLog } from '../../../main/shell/AppLog'
import { bugReport } from '../../../main/shell/bugReport'
import { folderArgument } from '../../../main/shell/folderArgument'
import { isAllowedLink } from '../../../main/shell/links'
import { isLocal } from '../../../main/shell/network'
import { type EndNotice, RunWatcher } from '../../../main/shell/RunWatcher'
import { chooseLanguage, Texts } from '../../../main/shell/texts'

describe('links', () => {
  it.each(['https://arxiv.org/abs/1608.04493', 'https://github.com/BVLC/caffe'])('opens %s', (url) => {
    expect(isAllowedLink(url)).toBe(true)
  })

  it.each([
    'http://github.com/',
    'https://github.com.example.org/',
    'https://example.org/github.com',
    'https://user:word@github.com/',
    'https://github.com:8443/',
    'file:///etc/passwd',
    'javascript:alert(1)',
    'smb://github.com/share',
    'github.com',
    '',
  ])('refuses %s', (url) => expect(isAllowedLink(url)).toBe(false))
})

describe('network', () => {
  it.each([
    ['app://studio/index.html', true],
    ['data:image/png;base64,AA==', true],
    ['https://example.org/', false],
    ['http://127.0.0.1/', false],
    ['ws://localhost/', false],
    ['file:///etc/passwd', false],
    ['', false],
  ])('%s is local: %s', (url, local) => expect(isLocal(url)).toBe(local))
})

describe('language', () => {
  it.each([
    ['system', 'zh-CN', 'zh-CN'],
    ['system', 'zh', 'zh-CN'],
    ['system', 'de-DE', 'en'],
    ['system', '', 'en'],
    ['en', 'zh-CN', 'en'],
    ['zh-CN', 'en-US', 'zh-CN'],
  ] as const)('%s on a %s system is %s', (setting, locale, expected) => {
    expect(chooseLanguage(setting, locale)).toBe(expected)
  })

  it('speaks both, with values in place', () => {
    const texts = new Texts()
    expect(texts.t('runFinished', { project: 'LeNet' })).toBe('A run of LeNet is finished')
    texts.language = 'zh-CN'
    expect(texts.t('runFinished', { project: 'LeNet' })).toBe('LeNet 的一次运行已完成')
  })
})

describe('files of the app', () => {
  let folder: string

  beforeEach(() => (folder = mkdtempSync(path.join(tmpdir(), 'olmp-shell-'))))
  afterEach(() => rmSync(folder, { recursive: true, force: true }))

  it('keeps the log bounded, newest lines last', () => {
    const log = new AppLog(folder, 2000)
    for (let line = 0; line < 200; line++) log.write('engine', `line ${line}\n`)
    expect(readdirSync(folder).sort()).toEqual(['app.log', 'app.log.1'])
    const tail = log.tail(10_000)
    expect(tail.length).toBeLessThanOrEqual(4200)
    expect(tail.trimEnd()).toMatch(/engine: line 199$/)
    expect(log.tail(20)).toHaveLength(20)
  })

  it.each([
    [['olmp-studio', 'models'], true, 'models'],
    [['olmp-studio', '--no-sandbox', 'models'], true, 'models'],
    [['olmp-studio', 'absent'], true, null],
    [['olmp-studio'], true, null],
    [['electron', '.'], false, null],
    [['electron', '--disable-gpu', '.', 'models'], false, 'models'],
  ])('finds the folder in %j', (argv, packaged, expected) => {
    mkdirSync(path.join(folder, 'models'))
    const found = folderArgument({ argv, workingFolder: folder, packaged })
    expect(found).toBe(expected === null ? null : path.join(folder, expected))
  })

  it('reports without the home folder', () => {
    const log = new AppLog(folder)
    log.write('app', `${os.homedir()}/secret/net.prototxt: unreadable`)
    const text = bugReport({
      about: {
        version: '1.0.0',
        electron: '33',
        chromium: '130',
        node: '20',
        engine: null,
        onnxruntime: '1.30',
        build: null,
      },
      system: { error: 'the engine could not be loaded' },
      settings: { ...defaultSettings, dataFolder: `${os.homedir()}/data` },
      projects: ['1000 parameters, 1 runs: finished'],
      log,
    })
    expect(text).toContain('~/secret/net.prototxt')
    expect(text).toContain('the engine could not be loaded')
    expect(text).not.toContain(os.homedir())
  })
})

describe('menu', () => {
  const state: MenuState = {
    texts: new Texts(),
    theme: 'dark',
    recent: [{ id: 'a', name: 'R&D' }],
    run: 'running',
    developer: false,
    mac: false,
  }

  function template(changes: Partial<MenuState> = {}) {
    const calls: unknown[] = []
    const actions = new Proxy({} as MenuActions, {
      get: (_target, name) => (value: unknown) => calls.push([name, value]),
    })
    return { menu: menuTemplate({ ...state, ...changes }, actions), calls }
  }

  const find = (menu: Electron.MenuItemConstructorOptions[], ...labels: string[]) =>
    labels.reduce<Electron.MenuItemConstructorOptions | undefined>(
      (item, label) =>
        (item === undefined ? menu : (item.submenu as Electron.MenuItemConstructorOptions[])).find(
          (candidate) => candidate.label === label,
        ),
      undefined,
    )

  it('has no two entries on the same keys', () => {
    const { menu } = template()
    const keys = menu
      .flatMap(({ submenu }) => (Array.isArray(submenu) ? submenu : []))
      .flatMap(({ accelerator }) => accelerator ?? [])
    expect(new Set(keys).size).toBe(keys.length)
    expect(keys).toContain('CmdOrCtrl+K')
  })

  it('offers for a run what its state allows', () => {
    const enabled = (run: MenuState['run']) =>
      ['Pause', 'Resume', 'Stop'].map((label) => find(template({ run }).menu, 'Run', label)?.enabled)
    expect(enabled('running')).toEqual([true, false, true])
    expect(enabled('paused')).toEqual([false, true, false])
    expect(enabled('none')).toEqual([false, false, false])
  })

  it('opens a recent project, its name as it is', () => {
    const { menu, calls } = template()
    const entry = find(menu, 'File', 'Open Recent Project', 'R&&D')
    Reflect.apply(entry?.click ?? (() => undefined), undefined, [])
    expect(calls).toEqual([['goTo', { view: 'project', projectId: 'a' }]])
  })

  it('marks the theme', () => {
    expect(find(template().menu, 'View', 'Theme', 'Dark')?.checked).toBe(true)
  })
})

describe('a run watched', () => {
  const finished = {
    id: 'r1',
    projectId: 'p1',
    state: 'finished',
    error: null,
    result: { compression: 82.34, accuracy: 0.9766, referenceAccuracy: 0.9773 },
  } as RunSummary

  function watch(wanted = true) {
    const awake: boolean[] = []
    const progress: (number | null)[] = []
    const notices: EndNotice[] = []
    const watcher = new RunWatcher({
      texts: new Texts(),
      keepAwake: (on) => awake.push(on),
      showProgress: (fraction) => progress.push(fraction),
      notify: (notice) => notices.push(notice),
      notificationsWanted: () => wanted,
      projectName: () => Promise.resolve('LeNet'),
    })
    return { watcher, awake, progress, notices }
  }
  const running = { state: 'running', projectId: 'p1', runId: 'r1' } as const
  const phase = { kind: 'phase', phase: 'pruning', text: '', iteration: 50, iterations: 200 } as const

  it('keeps the machine awake, shows progress and tells the end', async () => {
    const { watcher, awake, progress, notices } = watch()
    watcher.engineChanged(running)
    watcher.runEvents({ kind: 'run-events', projectId: 'p1', runId: 'r1', events: [phase] })
    watcher.runEvents({ kind: 'run-events', projectId: 'p1', runId: 'another', events: [phase] })
    await watcher.runChanged({
      ...finished,
      state: 'running',
      progress: { iteration: 100, iterations: 200 },
    })
    watcher.engineChanged({ state: 'idle' })
    await watcher.runChanged(finished)
    expect(awake).toEqual([true, false])
    expect(progress).toEqual([0, 0.25, 0.5, null])
    expect(notices).toEqual([
      {
        title: 'A run of LeNet is finished',
        body: '82.3× at 97.66% accuracy (reference 97.73%).',
        projectId: 'p1',
        runId: 'r1',
      },
    ])
  })

  it('says how one failed', async () => {
    const { watcher, notices } = watch()
    watcher.engineChanged(running)
    const error = { code: 'engine-crashed', message: 'The engine process ended unexpectedly.' }
    await watcher.runChanged({ ...finished, state: 'failed', result: null, error })
    expect(notices[0].title).toBe('A run of LeNet failed')
    expect(notices[0].body).toContain('last checkpoint')
  })

  it('is silent of a run that was not on, of a pause, and where not wanted', async () => {
    const { watcher, notices } = watch()
    await watcher.runChanged(finished)
    watcher.engineChanged(running)
    await watcher.runChanged({ ...finished, state: 'paused', result: null })
    expect(notices).toEqual([])
    const silent = watch(false)
    silent.watcher.engineChanged(running)
    await silent.watcher.runChanged(finished)
    expect(silent.notices).toEqual([])
  })
})
