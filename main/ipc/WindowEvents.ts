// Events to the window, typed; whoever in main wants them hears them too.

import type { WebContents } from 'electron'

import type { Events, MainEvent } from '../../preload/contract'

type Listener = (payload: never) => void

export class WindowEvents {
  private readonly listeners = new Map<MainEvent, Listener[]>()

  constructor(private readonly target: () => WebContents | null) {}

  send<E extends MainEvent>(name: E, payload: Events[E]): void {
    for (const listener of this.listeners.get(name) ?? []) (listener as (payload: Events[E]) => void)(payload)
    const contents = this.target()
    if (contents !== null && !contents.isDestroyed()) contents.send(name, payload)
  }

  /** Main's own habits (menu, taskbar, notifications) follow what the window is told. */
  on<E extends MainEvent>(name: E, listener: (payload: Events[E]) => void): void {
    this.listeners.set(name, [...(this.listeners.get(name) ?? []), listener])
  }
}
