// Electron's side of what the desktop learns of a run.

import { Notification, powerSaveBlocker } from 'electron'

import type { EndNotice } from './RunWatcher'

/** Holds the machine awake, or lets go. */
export function createKeepAwake(): (awake: boolean) => void {
  let blocker: number | null = null
  return (awake) => {
    if (awake && blocker === null) blocker = powerSaveBlocker.start('prevent-app-suspension')
    if (awake || blocker === null) return
    powerSaveBlocker.stop(blocker)
    blocker = null
  }
}

export function showNotice({ title, body }: EndNotice, onClick: () => void): void {
  if (!Notification.isSupported()) return
  const notification = new Notification({ title, body })
  notification.on('click', onClick)
  notification.show()
}
