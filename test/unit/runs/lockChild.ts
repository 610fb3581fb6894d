// Bundled and started by runLock.test.ts: asks `asksPerFolder` times at once for the lock of every folder it is sent,
// answers how many it was given in each, and gives them back when told so.

import { RunLock } from '../../../main/runs/RunLock'

export type ToLockChild = { folders: string[]; asksPerFolder: number } | 'release'

let held: RunLock[] = []

async function ask(folder: string, asks: number): Promise<number> {
  const answers = await Promise.allSettled(Array.from({ length: asks }, () => RunLock.acquire(folder)))
  const given = answers.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value] : []))
  held.push(...given)
  return given.length
}

process.on('message', (message: ToLockChild) => {
  if (message === 'release') {
    void Promise.all(held.map((lock) => lock.release())).then(() => {
      held = []
      process.send?.([])
    })
    return
  }
  const { folders, asksPerFolder } = message
  void Promise.all(folders.map((folder) => ask(folder, asksPerFolder))).then((given) => process.send?.(given))
})
process.send?.([])
