// The menu: the platform's own entries, and the few commands of the window.

import { app, type BrowserWindow, Menu, type MenuItemConstructorOptions } from 'electron'

import type { MenuCommand } from '../preload/contract'

export function setMenu(window: () => BrowserWindow | null): void {
  const command = (label: string, name: MenuCommand, accelerator: string): MenuItemConstructorOptions => ({
    label,
    accelerator,
    click: () => window()?.webContents.send('menu:command', name),
  })
  const file: MenuItemConstructorOptions = {
    label: 'File',
    submenu: [
      command('New Project…', 'new-project', 'CmdOrCtrl+N'),
      command('Projects', 'show-projects', 'CmdOrCtrl+1'),
      { type: 'separator' },
      process.platform === 'darwin' ? { role: 'close' } : { role: 'quit' },
    ],
  }
  const view: MenuItemConstructorOptions = {
    label: 'View',
    submenu: [
      { role: 'reload' },
      { role: 'toggleDevTools', visible: !app.isPackaged },
      { type: 'separator' },
      { role: 'resetZoom' },
      { role: 'zoomIn' },
      { role: 'zoomOut' },
      { type: 'separator' },
      { role: 'togglefullscreen' },
    ],
  }
  const platform: MenuItemConstructorOptions[] = process.platform === 'darwin' ? [{ role: 'appMenu' }] : []
  Menu.setApplicationMenu(
    Menu.buildFromTemplate([...platform, file, { role: 'editMenu' }, view, { role: 'windowMenu' }]),
  )
}
