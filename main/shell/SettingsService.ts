// The settings as the window sees them, and what takes effect at once: theme and language.

import { EventEmitter } from 'node:events'

import type { SettingsPatch, SettingsState } from '../../preload/contract'
import type { AppError } from '../net/errors'
import { requireWritableFolder, type SettingsStore } from '../settings/SettingsStore'
import { chooseLanguage, type Texts } from './texts'

export interface SettingsServiceOptions {
  store: SettingsStore
  texts: Texts
  systemLocale: string
  standardDataFolder: string
  /** Electron's nativeTheme: the window and the system's own dialogs follow it. */
  theme: { themeSource: 'system' | 'light' | 'dark' }
}

interface SettingsServiceEvents {
  changed: [state: SettingsState]
}

export class SettingsService extends EventEmitter<SettingsServiceEvents> {
  /** Where projects are until the app is started again. */
  readonly dataFolder: string
  private readonly folderProblem: AppError | null

  constructor(private readonly options: SettingsServiceOptions) {
    super()
    const { store, standardDataFolder } = options
    const { folder, problem } = usableFolder(store.get().dataFolder, standardDataFolder)
    this.dataFolder = folder
    this.folderProblem = problem
    this.apply()
  }

  state(): SettingsState {
    const { store, texts, standardDataFolder } = this.options
    return {
      settings: store.get(),
      language: texts.language,
      standardDataFolder,
      activeDataFolder: this.dataFolder,
      problem: (store.problem ?? this.folderProblem)?.toRecord() ?? null,
    }
  }

  set(patch: SettingsPatch): SettingsState {
    this.options.store.set(patch)
    this.apply()
    const state = this.state()
    this.emit('changed', state)
    return state
  }

  private apply(): void {
    const { store, texts, systemLocale, theme } = this.options
    const settings = store.get()
    texts.language = chooseLanguage(settings.language, systemLocale)
    theme.themeSource = settings.theme
  }
}

/** A folder that is gone, on a disk not mounted for one, is said and not made anew. */
function usableFolder(wanted: string | null, standard: string): { folder: string; problem: AppError | null } {
  if (wanted === null) return { folder: standard, problem: null }
  try {
    requireWritableFolder(wanted)
    return { folder: wanted, problem: null }
  } catch (error) {
    return { folder: standard, problem: error as AppError }
  }
}
