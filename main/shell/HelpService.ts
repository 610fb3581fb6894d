// What the Help menu does, also from the window: versions, guide, notices, the report for a bug.

import { existsSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import path from 'node:path'

import { type BrowserWindow, dialog, shell } from 'electron'

import type { AboutFacts } from '../../preload/contract'
import type { SystemInfo } from '../engine/binding'
import { AppError, toErrorRecord } from '../net/errors'
import type { AppSettings } from '../settings/types'
import { aboutFacts } from './about'
import type { AppLog } from './AppLog'
import { bugReport } from './bugReport'
import type { Texts } from './texts'

export interface HelpServiceOptions {
  version: string
  /** Of the package, or of the checkout. */
  resourcesFolder: string
  /** Holds docs/ in a checkout. */
  appFolder: string
  /** Where a report is offered to be saved. */
  downloadsFolder: string
  texts: Texts
  log: AppLog
  systemInfo(): Promise<SystemInfo>
  settings(): AppSettings
  /** One line per project, for the report. */
  projectLines(): Promise<string[]>
  window(): BrowserWindow | null
}

export class HelpService {
  constructor(private readonly options: HelpServiceOptions) {}

  systemInfo(): Promise<SystemInfo> {
    return this.options.systemInfo()
  }

  about(): Promise<AboutFacts> {
    return aboutFacts(this.options)
  }

  async openGuide(): Promise<void> {
    const { resourcesFolder, appFolder, texts } = this.options
    const folders = [path.join(resourcesFolder, 'guide'), path.join(appFolder, 'docs/guide')]
    const names = [
      `index.${texts.language}.html`,
      'index.html',
      `README.${texts.language}.md`,
      'README.md',
      '.',
    ]
    const candidates = folders.flatMap((folder) => names.map((name) => path.join(folder, name)))
    await openFile(candidates.find((candidate) => existsSync(candidate)) ?? candidates[1])
  }

  async openNotices(): Promise<void> {
    await openFile(path.join(this.options.resourcesFolder, 'notices'))
  }

  /** The file saved; null where the user chose none. */
  async saveReport(): Promise<string | null> {
    const { texts, downloadsFolder } = this.options
    const day = new Date().toISOString().slice(0, 10)
    const question = {
      title: texts.t('bugReportTitle'),
      defaultPath: path.join(downloadsFolder, `olmp-studio-report-${day}.txt`),
      filters: [{ name: 'Text', extensions: ['txt'] }],
    }
    const window = this.options.window()
    const { canceled, filePath } = await (window === null
      ? dialog.showSaveDialog(question)
      : dialog.showSaveDialog(window, question))
    if (canceled || filePath === '') return null
    try {
      await writeFile(filePath, await this.report())
    } catch (cause) {
      throw new AppError('report-not-saved', 'The report could not be saved.', {
        file: filePath,
        cause,
        hint: 'Choose another folder.',
      })
    }
    return filePath
  }

  private async report(): Promise<string> {
    const { systemInfo, settings, projectLines, log } = this.options
    return bugReport({
      about: await this.about(),
      system: await systemInfo().catch((error: unknown) => ({ error: toErrorRecord(error).message })),
      settings: settings(),
      projects: await projectLines(),
      log,
    })
  }
}

async function openFile(file: string): Promise<void> {
  if (!existsSync(file)) {
    throw new AppError('file-not-there', 'This copy of the app came without it.', {
      file,
      hint: 'Install the app again.',
    })
  }
  const problem = await shell.openPath(file)
  if (problem !== '') {
    throw new AppError('not-opened', `The system could not open it: ${problem}`, {
      file,
      hint: 'Open it in the file manager.',
    })
  }
}
