// The report of a run, written where the user says.

import path from 'node:path'

import type { RunAddress, RunHistory } from '../../preload/contract'
import { replaceFile, writeError } from '../runs/durable'
import { htmlReport } from './htmlReport'
import { type ReportLanguage, reportTexts } from './texts'

export interface ReportServiceOptions {
  history(address: RunAddress): Promise<RunHistory>
  runFolderOf(projectId: string, runId: string): string
  version: string
  language(): ReportLanguage
  /** A save dialog; null where it was cancelled. */
  chooseSaveFile(options: { title: string; name: string; extension: string }): Promise<string | null>
  reveal(folder: string): void
}

export class ReportService {
  constructor(private readonly options: ReportServiceOptions) {}

  /** The file written; null where the dialog was cancelled. */
  async save(address: RunAddress): Promise<string | null> {
    const { version } = this.options
    const language = this.options.language()
    const history = await this.options.history(address)
    const { summary } = history
    const file = await this.options.chooseSaveFile({
      title: reportTexts[language].title,
      name: `${fileName(`${summary.projectName} ${summary.name || summary.id}`)}.html`,
      extension: 'html',
    })
    if (file === null) return null
    const generated = new Date().toISOString()
    const page = htmlReport({ ...history, projectName: summary.projectName, version, generated }, language)
    await writeReport(file, page)
    return file
  }

  async revealRun({ projectId, runId }: RunAddress): Promise<void> {
    this.options.reveal(path.join(this.options.runFolderOf(projectId, runId), 'run.json'))
  }
}

/** Throws AppError 'disk-full', 'read-only-folder'. */
export async function writeReport(file: string, text: string): Promise<void> {
  try {
    await replaceFile(file, text)
  } catch (error) {
    throw writeError(error, file)
  }
}

function fileName(name: string): string {
  const safe = name.replace(/[^\p{Letter}\p{Number}._-]+/gu, '-').replace(/^[-.]+|[-.]+$/g, '')
  return safe === '' ? 'report' : safe.slice(0, 120)
}
