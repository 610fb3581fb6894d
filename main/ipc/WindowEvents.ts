// Events to the window, typed.

import type { WebContents } from 'electron'

import type { Events, MainEvent } from '../../preload/contract'

export class WindowEvents {
  constructor(private readonly target: () => WebContents | null) {}

  send<E extends MainEvent>(name: E, payload: Events[E]): void {
    const contents = this.target()
    if (contents !== null && !contents.isDestroyed()) contents.send(name, payload)
  }
}
