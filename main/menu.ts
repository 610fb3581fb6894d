// The application menu: the platform's own entries, the window's views, the run that is on. Pure: what it does is given.

import type { MenuItemConstructorOptions } from 'electron'

import type { Destination, MenuCommand, ProjectTab } from '../preload/contract'
import type { AppSettings } from './settings/types'
import type { NativeText, Texts } from './shell/texts'

export interface MenuState {
  texts: Texts
  theme: AppSettings['theme']
  recent: { id: string; name: string }[]
  run: 'none' | 'running' | 'paused'
  developer: boolean
  mac: boolean
}

export interface MenuActions {
  goTo(destination: Destination): void
  command(name: MenuCommand): void
  setTheme(theme: AppSettings['theme']): void
  pauseRun(): void
  stopRun(): void
  resumeRun(): void
  showRun(): void
  openGuide(): void
  openNotices(): void
  saveReport(): void
  quit(): void
}

const tabs: [ProjectTab, NativeText][] = [
  ['overview', 'tabOverview'],
  ['net', 'tabNet'],
  ['data', 'tabData'],
  ['compress', 'tabCompress'],
  ['project-runs', 'tabRuns'],
  ['models', 'tabModels'],
  ['try', 'tabTry'],
]

export function menuTemplate(state: MenuState, actions: MenuActions): MenuItemConstructorOptions[] {
  const { texts, mac } = state
  const t = (key: NativeText) => texts.t(key)
  return [
    ...(mac ? [{ role: 'appMenu' as const }] : []),
    { label: t('file'), submenu: fileMenu(state, actions) },
    { role: 'editMenu', label: t('edit') },
    { label: t('view'), submenu: viewMenu(state, actions) },
    { label: t('run'), submenu: runMenu(state, actions) },
    { role: 'windowMenu', label: t('window') },
    { role: 'help', label: t('help'), submenu: helpMenu(state, actions) },
  ]
}

function fileMenu({ texts, recent }: MenuState, actions: MenuActions): MenuItemConstructorOptions[] {
  const opened = recent.map(({ id, name }): MenuItemConstructorOptions => ({
    // a single & would name the key of the letter after it
    label: name.replaceAll('&', '&&'),
    click: () => actions.goTo({ view: 'project', projectId: id }),
  }))
  return [
    {
      label: texts.t('newProject'),
      accelerator: 'CmdOrCtrl+N',
      click: () => actions.goTo({ view: 'import' }),
    },
    {
      label: texts.t('openRecent'),
      submenu: opened.length > 0 ? opened : [{ label: texts.t('noRecent'), enabled: false }],
    },
    { type: 'separator' },
    {
      label: texts.t('settings'),
      accelerator: 'CmdOrCtrl+,',
      click: () => actions.goTo({ view: 'settings' }),
    },
    { type: 'separator' },
    { label: texts.t('quit'), accelerator: 'CmdOrCtrl+Q', click: () => actions.quit() },
  ]
}

function viewMenu(
  { texts, theme, developer }: MenuState,
  actions: MenuActions,
): MenuItemConstructorOptions[] {
  const view = (
    label: NativeText,
    accelerator: string,
    destination: Destination,
  ): MenuItemConstructorOptions => ({
    label: texts.t(label),
    accelerator,
    click: () => actions.goTo(destination),
  })
  return [
    { label: texts.t('commands'), accelerator: 'CmdOrCtrl+K', click: () => actions.command('show-palette') },
    { type: 'separator' },
    view('viewProjects', 'CmdOrCtrl+1', { view: 'projects' }),
    view('viewRuns', 'CmdOrCtrl+2', { view: 'runs' }),
    view('viewQueue', 'CmdOrCtrl+3', { view: 'queue' }),
    { type: 'separator' },
    ...tabs.map(([tab, label], index) => view(label, `Alt+${index + 1}`, { view: 'tab', tab })),
    { type: 'separator' },
    {
      label: texts.t('theme'),
      submenu: (['system', 'light', 'dark'] as const).map((name) => ({
        label: texts.t(name),
        type: 'radio',
        checked: theme === name,
        click: () => actions.setTheme(name),
      })),
    },
    { type: 'separator' },
    { role: 'resetZoom', label: texts.t('resetZoom') },
    { role: 'zoomIn', label: texts.t('zoomIn') },
    { role: 'zoomOut', label: texts.t('zoomOut') },
    { role: 'togglefullscreen', label: texts.t('fullScreen') },
    ...(developer
      ? [
          { type: 'separator' as const },
          { role: 'reload' as const, label: texts.t('reload') },
          { role: 'toggleDevTools' as const },
        ]
      : []),
  ]
}

function runMenu({ texts, run }: MenuState, actions: MenuActions): MenuItemConstructorOptions[] {
  return [
    { label: texts.t('showRun'), enabled: run === 'running', click: () => actions.showRun() },
    { type: 'separator' },
    { label: texts.t('pauseRun'), enabled: run === 'running', click: () => actions.pauseRun() },
    { label: texts.t('resumeRun'), enabled: run === 'paused', click: () => actions.resumeRun() },
    { label: texts.t('stopRun'), enabled: run === 'running', click: () => actions.stopRun() },
  ]
}

function helpMenu({ texts }: MenuState, actions: MenuActions): MenuItemConstructorOptions[] {
  return [
    { label: texts.t('guide'), accelerator: 'F1', click: () => actions.openGuide() },
    { label: texts.t('bugReport'), click: () => actions.saveReport() },
    { type: 'separator' },
    { label: texts.t('notices'), click: () => actions.openNotices() },
    { label: texts.t('about'), click: () => actions.command('show-about') },
  ]
}
