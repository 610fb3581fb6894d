// The runs that wait for the engine, in their order. Kept in a file, so that the order survives a restart; what it says of
// a run beside that it waits is in the run's own folder.

import { readFileSync } from 'node:fs'

import { replaceFile } from '../runs/durable'
import type { RunAddress } from './runAddress'

interface QueueFile {
  formatVersion: 1
  entries: RunAddress[]
}

export class RunQueue {
  private list: RunAddress[]
  private onHold: boolean
  private writing: Promise<void> = Promise.resolve()

  /** Held where runs wait from an earlier session: the user says when they go on. */
  constructor(private readonly file: string) {
    this.list = read(file)
    this.onHold = this.list.length > 0
  }

  get entries(): readonly RunAddress[] {
    return this.list
  }

  get held(): boolean {
    return this.onHold
  }

  has(address: RunAddress): boolean {
    return this.list.some((entry) => isSame(entry, address))
  }

  /** At the end, unless it waits already. */
  add(address: RunAddress): Promise<void> {
    const { projectId, runId } = address
    return this.has(address) ? this.writing : this.set([...this.list, { projectId, runId }])
  }

  remove(address: RunAddress): Promise<void> {
    return this.set(this.list.filter((entry) => !isSame(entry, address)))
  }

  /** `index` from 0; beyond the end means the end. */
  move(address: RunAddress, index: number): Promise<void> {
    const moved = this.list.find((entry) => isSame(entry, address))
    if (moved === undefined) return this.writing
    const others = this.list.filter((entry) => entry !== moved)
    return this.set([...others.slice(0, index), moved, ...others.slice(index)])
  }

  hold(held: boolean): void {
    this.onHold = held
  }

  private set(list: RunAddress[]): Promise<void> {
    this.list = list
    const content: QueueFile = { formatVersion: 1, entries: list }
    // One after another: the last state is the one that stays.
    this.writing = this.writing
      .catch(() => undefined)
      .then(() => replaceFile(this.file, `${JSON.stringify(content, null, 2)}\n`))
    return this.writing
  }
}

function isSame(a: RunAddress, b: RunAddress): boolean {
  return a.projectId === b.projectId && a.runId === b.runId
}

/** A file that cannot be read costs the order alone: its runs are shown as paused, and can be resumed. */
function read(file: string): RunAddress[] {
  try {
    const { entries } = JSON.parse(readFileSync(file, 'utf8')) as QueueFile
    return entries.filter(
      ({ projectId, runId }) => typeof projectId === 'string' && typeof runId === 'string',
    )
  } catch {
    return []
  }
}
