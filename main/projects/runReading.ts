// A run's folder as the window wants it: a line of a table, or all of it as columns.

import path from 'node:path'

import type { IterationColumns, LogLine, RunHistory, RunProgress, TestColumns } from '../../preload/contract'
import { listCheckpoints } from '../runs/checkpoints'
import { newestReport } from '../runs/exportList'
import type { RunFolder } from '../runs/RunFolder'
import { readLog, readRecords } from '../runs/RunJournal'
import type { RunSummary } from './types'

/** The window shows the last lines; the rest is in log.txt. */
const logLines = 5000

export async function summarise(projectId: string, run: RunFolder): Promise<RunSummary> {
  const { id, request, created, started, ended, error } = run.record
  const { iterations, seed, searchMode, delta } = request.settings
  return {
    id,
    projectId,
    state: await run.actualState(),
    started: started ?? created,
    ended,
    iterations,
    seed,
    searchMode,
    delta,
    result: await run.readResult(),
    error,
  }
}

export async function readHistory(projectId: string, run: RunFolder): Promise<RunHistory> {
  const { iterations, tests, progress } = await readColumns(run)
  const log: LogLine[] = []
  for await (const { timeMs, level, text } of readLog(run.logFile)) {
    log.push({ timeMs, level, text })
    if (log.length > 2 * logLines) log.splice(0, logLines)
  }
  const summary = await summarise(projectId, run)
  return {
    summary,
    referenceAccuracy: run.record.model?.referenceAccuracy ?? null,
    iterations,
    tests,
    log: log.slice(-logLines),
    progress,
    checkpoint: await newestCheckpoint(run),
    exported: await newestReport(run.path),
    error: summary.error,
  }
}

async function readColumns(run: RunFolder) {
  const iterations = columns(['iteration', 'loss', 'accuracy', 'learningRate', 'compression'])
  const tests = columns(['iteration', 'loss', 'accuracy', 'compression'])
  let progress: RunProgress | null = null
  for await (const event of readRecords(run.recordsFile)) {
    if (event.kind === 'iterations') event.records.forEach((record) => iterations.add(record))
    else if (event.kind === 'test') tests.add(event.record)
    else if (event.kind === 'phase') {
      const { phase, text, iteration, iterations: total } = event
      progress = { phase, text, iteration, iterations: total }
    }
  }
  const read = iterations.done() satisfies IterationColumns
  if (progress !== null && read.iteration.length > 0) {
    progress = { ...progress, iteration: read.iteration[read.iteration.length - 1] }
  }
  return { iterations: read, tests: tests.done() satisfies TestColumns, progress }
}

function columns<F extends string>(fields: F[]) {
  const lists = fields.map((field) => ({ field, values: [] as number[] }))
  return {
    add(record: Record<F, number>): void {
      for (const { field, values } of lists) values.push(record[field])
    },
    done(): Record<F, Float64Array> {
      const entries = lists.map(({ field, values }) => [field, Float64Array.from(values)])
      return Object.fromEntries(entries) as Record<F, Float64Array>
    },
  }
}

/** By its folder's name: whether it is whole is looked at when it is used. */
async function newestCheckpoint(run: RunFolder): Promise<{ iteration: number } | null> {
  const [newest] = await listCheckpoints(run.checkpointsFolder)
  return newest === undefined ? null : { iteration: Number.parseInt(path.basename(newest), 10) }
}
