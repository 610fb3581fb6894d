// A run's folder as the window wants it: a line of a table, or all of it as columns.

import type { DensityColumns, RunColumns, RunHistory, RunProgress } from '../../preload/contract'
import { type ErrorRecord, toErrorRecord } from '../net/errors'
import { readAnnotation } from '../runs/annotation'
import { describeCheckpoints } from '../runs/checkpointList'
import { newestReport } from '../runs/exportList'
import { readFront } from '../runs/front'
import { type HistoryReader, readHistory } from '../runs/HistoryReader'
import type { RunFolder } from '../runs/RunFolder'
import { isCycles, plannedIterations } from '../olmp/runSettings'
import type { RunResult } from '../runs/types'
import type { RunSummary } from './types'

/** The window shows the last lines first; runs:log has the rest. */
const logLines = 2000

/** As the folder tells it: who runs or queues it, the caller knows better. */
export async function summarise(
  { id: projectId, name: projectName }: { id: string; name: string },
  run: RunFolder,
): Promise<RunSummary> {
  const { id, request, created, started, ended, error } = run.record
  const { settings } = request
  const [annotation, state, result] = await Promise.all([
    readAnnotation(run.path),
    run.actualState(),
    run.readResult(),
  ])
  const running = state === 'running'
  return {
    id,
    projectId,
    projectName,
    ...annotation,
    state,
    elsewhere: running,
    created,
    started: started ?? created,
    ended: running ? null : ended,
    device: request.device,
    threads: request.threads,
    iterations: iterationsOf(run, result),
    seed: settings.seed,
    searchMode: isCycles(settings) ? 'cycles' : settings.searchMode,
    delta: isCycles(settings) ? null : settings.delta,
    goal: isCycles(settings) ? settings.goal : null,
    ...standing(run),
    parentRunId: request.parentRunId ?? null,
    result,
    error: running ? null : error,
  }
}

function parametersOf(run: RunFolder): number | null {
  return run.record.model?.prunableParameters ?? null
}

/** As shown: of the loop; of cycles those done, or to be expected. */
function iterationsOf(run: RunFolder, result: RunResult | null): number {
  const { settings } = run.record.request
  if (!isCycles(settings)) return settings.iterations
  return result?.iterations ?? plannedIterations(settings, parametersOf(run))
}

/** How far and how good. A history that cannot be read does not hide the run. */
function standing(run: RunFolder): Pick<RunSummary, 'progress' | 'latest'> {
  const { read } = tryRead(run, (history) => ({
    iteration: history.lastIteration(),
    test: history.lastTest(),
  }))
  if (read === null) return { progress: null, latest: null }
  const { iteration, test } = read
  // The test at iteration 0 is that of the reference.
  const latest = test === null || test.iteration === 0 ? null : test
  return {
    progress:
      iteration === null
        ? null
        : { iteration, iterations: plannedIterations(run.record.request.settings, parametersOf(run)) },
    latest:
      latest === null
        ? null
        : { iteration: latest.iteration, accuracy: latest.accuracy, compression: latest.compression },
  }
}

export async function readRunHistory(summary: RunSummary, run: RunFolder): Promise<RunHistory> {
  const { read, problem } = tryRead(run, (history) => ({
    iterations: history.iterations(),
    tests: history.tests(),
    densities: history.densities(),
    searches: history.lastSearch(),
    log: history.log({ limit: logLines }).lines,
    progress: history.lastPhase() satisfies RunProgress | null,
  }))
  const found = read ?? noHistory()
  const [checkpoints, exported, front] = await Promise.all([
    describeCheckpoints(run),
    newestReport(run.path).catch(() => null),
    readFront(run.path),
  ])
  const { iteration } = found.iterations
  const { request, model } = run.record
  return {
    summary,
    referenceAccuracy: model?.referenceAccuracy ?? null,
    request,
    model,
    ...found,
    densities: named(run, found.densities),
    progress:
      found.progress === null || iteration.length === 0
        ? found.progress
        : { ...found.progress, iteration: iteration[iteration.length - 1] },
    checkpoints,
    checkpoint: checkpoints.length === 0 ? null : { iteration: checkpoints[0].iteration },
    exported,
    front,
    error: summary.error,
    problem,
  }
}

/** Thinned to about `maxPoints` rows; whole without it. Throws AppError 'damaged-history'. */
export function readColumns(projectId: string, run: RunFolder, maxPoints?: number): RunColumns {
  const found = readHistory(run.historyFile, (history) => ({
    iterations: maxPoints === undefined ? history.iterations() : history.thinnedIterations(maxPoints),
    tests: history.tests(),
    densities: history.densities(),
  }))
  const { iterations, tests, densities } = found ?? noHistory()
  return { projectId, runId: run.record.id, iterations, tests, densities: named(run, densities) }
}

function tryRead<T>(
  run: RunFolder,
  work: (history: HistoryReader) => T,
): { read: T | null; problem: ErrorRecord | null } {
  try {
    return { read: readHistory(run.historyFile, work), problem: null }
  } catch (error) {
    return { read: null, problem: toErrorRecord(error) }
  }
}

function named(run: RunFolder, { iteration, kept }: Omit<DensityColumns, 'layers'>): DensityColumns {
  return { layers: run.record.model?.prunableLayers.slice(0, kept.length) ?? [], iteration, kept }
}

function noHistory(): Pick<RunHistory, 'iterations' | 'tests' | 'searches' | 'log' | 'progress'> & {
  densities: Omit<DensityColumns, 'layers'>
} {
  const none = () => new Float64Array()
  return {
    iterations: {
      iteration: none(),
      loss: none(),
      accuracy: none(),
      learningRate: none(),
      compression: none(),
    },
    tests: { iteration: none(), loss: none(), accuracy: none(), compression: none() },
    densities: { iteration: none(), kept: [] },
    searches: [],
    log: [],
    progress: null,
  }
}
