// olmp report RUN --html FILE | --csv FILE

import path from 'node:path'

import { AppError, describeError } from '../net/errors'
import { readRunHistory, summarise } from '../projects/runReading'
import { metricsCsv } from '../report/csv'
import { htmlReport } from '../report/htmlReport'
import { writeReport } from '../report/ReportService'
import type { ReportLanguage } from '../report/texts'
import { RunFolder } from '../runs/RunFolder'
import type { Terminal } from './terminal'

export interface ReportFlags {
  html?: string
  csv?: string
  language: ReportLanguage
}

export async function reportCommand(
  terminal: Terminal,
  version: string,
  folder: string,
  { html, csv, language }: ReportFlags,
): Promise<void> {
  if (html === undefined && csv === undefined) {
    throw new AppError('no-output', 'nothing to write was named', { hint: 'give --html FILE or --csv FILE' })
  }
  const run = await RunFolder.open(path.resolve(folder))
  const summary = await summarise({ id: '', name: '' }, run)
  const history = await readRunHistory(summary, run)
  if (history.problem !== null) terminal.warn(describeError(history.problem))
  const files: string[] = []
  if (html !== undefined) {
    const generated = new Date().toISOString()
    const page = htmlReport({ ...history, projectName: null, version, generated }, language)
    files.push(await written(html, page))
  }
  if (csv !== undefined) {
    const { id, name, seed } = summary
    const lines = metricsCsv([{ ...history, project: '', run: id, name, seed }])
    files.push(await written(csv, [...lines].join('')))
  }
  terminal.result({ runDir: run.path, files }, () => files)
}

async function written(file: string, text: string): Promise<string> {
  const absolute = path.resolve(file)
  await writeReport(absolute, text)
  return absolute
}
