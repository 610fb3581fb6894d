// What the user deletes is first moved aside, so that it can be brought back at once; after a while it goes to the
// system's trash, where it can still be found.

import { randomBytes } from 'node:crypto'
import { EventEmitter } from 'node:events'
import { cp, mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import path from 'node:path'

import { AppError } from '../net/errors'

const defaultGraceMs = 60_000
const originFile = 'origin.json'

export interface TrashOptions {
  /** Holds what is moved aside, each in a folder of its own named by its token. */
  folder: string
  /** Takes a folder to where the user finds what was deleted. */
  moveToSystemTrash(folder: string): Promise<void>
  /** So long a deletion can be undone. */
  graceMs?: number
  /** Hears of what the system's trash did not take: that stays aside until the next attempt. */
  onProblem?(error: AppError): void
}

interface TrashEvents {
  /** A folder is back where it was. */
  restored: [folder: string]
}

export class Trash extends EventEmitter<TrashEvents> {
  private readonly timers = new Map<string, NodeJS.Timeout>()

  constructor(private readonly options: TrashOptions) {
    super()
  }

  /** Moves a folder aside; answers the token that brings it back. */
  async put(folder: string): Promise<string> {
    const token = randomBytes(8).toString('hex')
    const aside = this.folderOf(token)
    await mkdir(aside, { recursive: true })
    try {
      await writeFile(path.join(aside, originFile), JSON.stringify({ folder: path.resolve(folder) }))
      await move(folder, path.join(aside, path.basename(folder)))
    } catch (cause) {
      await rm(aside, { recursive: true, force: true })
      throw new AppError('not-trashed', 'The folder could not be moved aside.', {
        file: folder,
        cause,
        hint: 'Check that nothing else uses it and that the disk is not full.',
      })
    }
    const { graceMs = defaultGraceMs } = this.options
    this.timers.set(token, setTimeout(() => void this.discard(token), graceMs).unref())
    return token
  }

  /** Puts a folder back to where it was; answers where that is. */
  async restore(token: string): Promise<string> {
    const origin = await this.originOf(token)
    if (origin === null) {
      throw new AppError('undo-expired', 'This can no longer be undone from here.', {
        hint: 'Look for it in the trash of the system.',
      })
    }
    if (await exists(origin)) {
      throw new AppError('restore-blocked', 'There is something in its place already.', { file: origin })
    }
    clearTimeout(this.timers.get(token))
    this.timers.delete(token)
    await mkdir(path.dirname(origin), { recursive: true })
    await move(path.join(this.folderOf(token), path.basename(origin)), origin)
    await rm(this.folderOf(token), { recursive: true, force: true })
    this.emit('restored', origin)
    return origin
  }

  /** Hands everything to the system's trash: at the start, for what an earlier end of the app left, and at the end. */
  async empty(): Promise<void> {
    const tokens = await readdir(this.options.folder).catch(() => [])
    for (const token of tokens) await this.discard(token)
  }

  private folderOf(token: string): string {
    return path.join(this.options.folder, token)
  }

  private async originOf(token: string): Promise<string | null> {
    if (!/^[0-9a-f]+$/.test(token)) return null
    try {
      const value: unknown = JSON.parse(await readFile(path.join(this.folderOf(token), originFile), 'utf8'))
      const folder = typeof value === 'object' && value !== null ? Reflect.get(value, 'folder') : null
      return typeof folder === 'string' ? folder : null
    } catch {
      return null
    }
  }

  private async discard(token: string): Promise<void> {
    clearTimeout(this.timers.get(token))
    this.timers.delete(token)
    const origin = await this.originOf(token)
    const content = origin === null ? null : path.join(this.folderOf(token), path.basename(origin))
    try {
      if (content !== null && (await exists(content))) await this.options.moveToSystemTrash(content)
      await rm(this.folderOf(token), { recursive: true, force: true })
    } catch (cause) {
      this.options.onProblem?.(
        new AppError('not-trashed', 'A deleted folder could not be moved to the trash of the system.', {
          file: content ?? this.folderOf(token),
          cause,
          hint: 'It is tried again at the next start.',
        }),
      )
    }
  }
}

async function exists(folder: string): Promise<boolean> {
  return stat(folder).then(
    () => true,
    () => false,
  )
}

/** Also to another disk: the projects may be on one of their own. */
async function move(from: string, to: string): Promise<void> {
  try {
    await rename(from, to)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EXDEV') throw error
    await cp(from, to, { recursive: true, preserveTimestamps: true })
    await rm(from, { recursive: true })
  }
}
