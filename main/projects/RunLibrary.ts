// The runs of all projects, as their folders tell them: listed, read back, annotated, written out as tables and text.

import { createWriteStream } from 'node:fs'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { setImmediate as nextTurn } from 'node:timers/promises'

import type { LogPage, RunColumns, RunHistory, RunList } from '../../preload/contract'
import { type ErrorRecord, toErrorRecord } from '../net/errors'
import { type CsvRun, metricsCsv } from '../report/csv'
import { annotate, type Annotation } from '../runs/annotation'
import { writeError } from '../runs/durable'
import { readHistory, type LogQuery, type StoredLogLine } from '../runs/HistoryReader'
import { RunFolder, type RunModelSummary } from '../runs/RunFolder'
import type { RunRequest } from '../runs/types'
import type { ProjectStore } from './ProjectStore'
import type { RunAddress } from './runAddress'
import { readColumns, readRunHistory, summarise } from './runReading'
import type { RunSummary } from './types'

export interface RunLibraryOptions {
  store: ProjectStore
  /** What this app does with the run, which its folder may not say yet. */
  stateHere(address: RunAddress): 'running' | 'queued' | null
}

interface ProjectName {
  id: string
  name: string
}

export class RunLibrary {
  constructor(private readonly options: RunLibraryOptions) {}

  /** Newest first; of all projects, where none is named. Projects that cannot be read are told elsewhere. */
  async list(projectId?: string): Promise<RunList> {
    const { store } = this.options
    const projects = projectId === undefined ? (await store.list()).projects : [await store.open(projectId)]
    const lists = await Promise.all(projects.map((project) => this.listOf(project)))
    return {
      runs: lists.flatMap(({ runs }) => runs).sort((a, b) => b.created.localeCompare(a.created)),
      unreadable: lists.flatMap(({ unreadable }) => unreadable),
    }
  }

  open({ projectId, runId }: RunAddress): Promise<RunFolder> {
    return RunFolder.open(this.options.store.runFolderOf(projectId, runId))
  }

  async summary(address: RunAddress): Promise<RunSummary> {
    const [project, run] = await Promise.all([this.options.store.open(address.projectId), this.open(address)])
    return this.summaryOf(project, run)
  }

  async request(address: RunAddress): Promise<{ request: RunRequest; model: RunModelSummary | null }> {
    const { request, model } = (await this.open(address)).record
    return { request, model }
  }

  async history(address: RunAddress): Promise<RunHistory> {
    const run = await this.open(address)
    return readRunHistory(await this.summary(address), run)
  }

  async series(
    addresses: RunAddress[],
    maxPoints: number,
  ): Promise<{ series: RunColumns[]; unreadable: ErrorRecord[] }> {
    const series: RunColumns[] = []
    const unreadable: ErrorRecord[] = []
    for (const address of addresses) {
      try {
        series.push(readColumns(address.projectId, await this.open(address), maxPoints))
      } catch (error) {
        unreadable.push(toErrorRecord(error))
      }
      // Main has windows to serve meanwhile.
      await nextTurn()
    }
    return { series, unreadable }
  }

  async log(address: RunAddress, query: LogQuery): Promise<LogPage> {
    const run = await this.open(address)
    return (
      readHistory(run.historyFile, (history) => history.log(query)) ?? { lines: [], total: 0, more: false }
    )
  }

  async annotate(address: RunAddress, change: Partial<Annotation>): Promise<RunSummary> {
    await annotate((await this.open(address)).path, change)
    return this.summary(address)
  }

  async writeMetrics(addresses: RunAddress[], file: string): Promise<void> {
    const runs: CsvRun[] = []
    for (const address of addresses) {
      const { projectName, name, seed } = await this.summary(address)
      const columns = readColumns(address.projectId, await this.open(address))
      runs.push({ project: projectName, run: address.runId, name, seed, ...columns })
    }
    await writeLines(file, metricsCsv(runs))
  }

  async writeLog(address: RunAddress, file: string): Promise<void> {
    const { lines } = await this.log(address, { limit: Number.MAX_SAFE_INTEGER - 1 })
    await writeLines(file, lines.map(logFileLine))
  }

  private async listOf(project: ProjectName): Promise<RunList> {
    const listed = await RunFolder.list(this.options.store.runsFolderOf(project.id))
    const folders = listed.flatMap((entry) => ('run' in entry ? [entry.run] : []))
    return {
      runs: (await Promise.all(folders.map((run) => this.summaryOf(project, run)))).reverse(),
      unreadable: listed.flatMap((entry) => ('error' in entry ? [entry.error] : [])),
    }
  }

  private async summaryOf(project: ProjectName, run: RunFolder): Promise<RunSummary> {
    const summary = await summarise(project, run)
    const here = this.options.stateHere({ projectId: project.id, runId: summary.id })
    if (here === null) return summary
    return { ...summary, state: here, elsewhere: false, ended: null, error: null }
  }
}

/** `2026-11-23T19:40:48.123Z warning: text`; the level is left out where it is info. */
function logFileLine({ timeMs, level, text }: StoredLogLine): string {
  const prefix = level === 'info' ? '' : `${level}: `
  return `${new Date(timeMs).toISOString()} ${prefix}${text}\n`
}

async function writeLines(file: string, lines: Iterable<string>): Promise<void> {
  try {
    await pipeline(Readable.from(lines), createWriteStream(file))
  } catch (error) {
    throw writeError(error, file)
  }
}
