// The one window: opened, shown, sent to a place, closed with a question while a run is on.

import type { BrowserWindow, WebContents } from 'electron'

import type { Destination, MenuCommand } from '../../preload/contract'
import { openWindow } from '../window'
import { askAboutRun } from './closing'
import type { Texts } from './texts'

export interface StudioWindowOptions {
  preload: string
  texts: Texts
  isRunning(): boolean
  /** After every load of the page, because a reload ends what the page before it held. */
  onLoaded(contents: WebContents): void
  quit(): void
}

export class StudioWindow {
  private window: BrowserWindow | null = null
  private quitting = false
  private asking = false
  /** Where to go once the page is there. */
  private waiting: Destination | null = null
  private loaded = false

  constructor(private readonly options: StudioWindowOptions) {}

  get browserWindow(): BrowserWindow | null {
    return this.window
  }

  get contents(): WebContents | null {
    return this.window?.webContents ?? null
  }

  /** From now on a window that closes asks nothing. */
  prepareToQuit(): void {
    this.quitting = true
  }

  open(): void {
    const window = openWindow(this.options.preload)
    this.window = window
    this.loaded = false
    window.webContents.on('did-finish-load', () => {
      this.loaded = true
      this.options.onLoaded(window.webContents)
      if (this.waiting !== null) this.goTo(this.waiting)
      this.waiting = null
    })
    window.on('close', (event) => {
      if (this.quitting || !this.options.isRunning()) return
      event.preventDefault()
      void this.askToQuit()
    })
    window.on('closed', () => (this.window = null))
  }

  /** To the front, from wherever it is. */
  show(): void {
    if (this.window === null) {
      this.open()
      return
    }
    if (this.window.isMinimized()) this.window.restore()
    this.window.show()
    this.window.focus()
  }

  goTo(destination: Destination): void {
    this.show()
    if (this.loaded && this.window !== null) this.window.webContents.send('app:go-to', destination)
    else this.waiting = destination
  }

  command(name: MenuCommand): void {
    this.show()
    this.window?.webContents.send('menu:command', name)
  }

  /** A window hidden for the length of a run comes back, without taking the focus. */
  comeBack(): void {
    if (this.window !== null && !this.window.isVisible()) this.window.showInactive()
  }

  showProgress(fraction: number | null): void {
    this.window?.setProgressBar(fraction ?? -1)
  }

  get isInFront(): boolean {
    return this.window?.isFocused() ?? false
  }

  /** Quits; while a run is on, as the user chooses. */
  async askToQuit(): Promise<void> {
    if (!this.options.isRunning() || this.window === null) {
      this.options.quit()
      return
    }
    if (this.asking) return
    this.asking = true
    try {
      const choice = await askAboutRun(this.window, this.options.texts)
      if (choice === 'pause-and-quit') this.options.quit()
      else if (choice === 'hide') this.window.hide()
    } finally {
      this.asking = false
    }
  }
}
