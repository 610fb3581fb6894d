// The app's settings in one file of the user data folder. Read at once at the start, because the window's first picture
// depends on them; written whole or not at all. A file that cannot be read is set aside, never overwritten.

import { randomBytes } from 'node:crypto'
import { EventEmitter } from 'node:events'
import {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import path from 'node:path'

import { AppError } from '../net/errors'
import { parseSettings } from './parseSettings'
import { type AppSettings, defaultSettings } from './types'

interface SettingsEvents {
  changed: [settings: AppSettings]
}

export class SettingsStore extends EventEmitter<SettingsEvents> {
  private settings: AppSettings
  private trouble: AppError | null = null

  constructor(private readonly file: string) {
    super()
    this.settings = this.read()
  }

  /** Why the settings kept could not be taken as they were, and where they are now. */
  get problem(): AppError | null {
    return this.trouble
  }

  get(): AppSettings {
    return this.settings
  }

  /** Throws an AppError where the data folder is none to write to, or the file cannot be written. */
  set(patch: Partial<Omit<AppSettings, 'formatVersion'>>): AppSettings {
    if (typeof patch.dataFolder === 'string') requireWritableFolder(patch.dataFolder)
    // A field that is there and undefined is one not set.
    const given = Object.fromEntries(Object.entries(patch).filter(([, value]) => value !== undefined))
    const changed = { ...this.settings, ...given }
    this.write(changed)
    this.settings = changed
    this.emit('changed', changed)
    return changed
  }

  private read(): AppSettings {
    if (!existsSync(this.file)) return defaultSettings
    let text: string
    try {
      text = readFileSync(this.file, 'utf8')
    } catch (cause) {
      this.trouble = new AppError('unreadable-settings', 'The settings cannot be read; the defaults hold.', {
        file: this.file,
        cause,
        hint: 'Check who may read the file.',
      })
      return defaultSettings
    }
    const parsed = parseSettings(text)
    if ('reason' in parsed) {
      this.setAside(`The settings file could not be used: ${parsed.reason}. The defaults hold.`)
      return defaultSettings
    }
    if (parsed.refused.length > 0) {
      const names = parsed.refused.join(', ')
      this.setAside(
        `The settings file had values that are not allowed for ${names}; these have their defaults.`,
      )
      this.write(parsed.settings)
    }
    return parsed.settings
  }

  private setAside(message: string): void {
    const aside = `${this.file}.${new Date().toISOString().slice(0, 19).replace(/:/g, '-')}.unreadable`
    try {
      renameSync(this.file, aside)
      this.trouble = new AppError('unreadable-settings', message, {
        file: aside,
        hint: 'The file as it was is kept under this name; delete it when you need it no more.',
      })
    } catch (cause) {
      this.trouble = new AppError('unreadable-settings', message, { file: this.file, cause })
    }
  }

  private write(settings: AppSettings): void {
    const temporary = `${this.file}.${randomBytes(4).toString('hex')}.tmp`
    try {
      mkdirSync(path.dirname(this.file), { recursive: true })
      writeFileSync(temporary, `${JSON.stringify(settings, null, 2)}\n`, { flush: true })
      renameSync(temporary, this.file)
    } catch (cause) {
      throw new AppError('settings-not-saved', 'The settings could not be saved.', {
        file: this.file,
        cause,
        hint: 'Check the free space of the disk and who may write to the folder.',
      })
    }
  }
}

/** Throws where projects could not be kept in the folder. */
export function requireWritableFolder(folder: string): void {
  const refuse = (message: string, hint: string, cause?: unknown) =>
    new AppError('unusable-data-folder', message, { file: folder, hint, cause })
  if (!path.isAbsolute(folder))
    throw refuse('The data folder must be an absolute path.', 'Choose the folder.')
  if (!existsSync(folder)) throw refuse('The data folder is not there.', 'Make it, or choose another.')
  if (!statSync(folder).isDirectory()) throw refuse('This is a file.', 'Choose a folder.')
  try {
    accessSync(folder, constants.R_OK | constants.W_OK | constants.X_OK)
  } catch (cause) {
    throw refuse(
      'The data folder cannot be written to.',
      'Check who may write to it, or choose another.',
      cause,
    )
  }
}
