// The columns of a table of runs: what each sorts by, and how it reads.

import type { RunSummary } from '../../../preload/contract'
import {
  formatDate,
  formatDuration,
  formatInteger,
  formatPercent,
  formatPoints,
  formatRatio,
} from '../../format'

export const columnIds = [
  'name',
  'project',
  'state',
  'started',
  'duration',
  'iterations',
  'seed',
  'searchMode',
  'delta',
  'accuracy',
  'difference',
  'compression',
  'kept',
  'device',
  'tags',
  'notes',
] as const
export type ColumnId = (typeof columnIds)[number]

/** Shown unless the user chose others. */
export const usualColumns: ColumnId[] = columnIds.filter(
  (id) => !['searchMode', 'delta', 'device', 'notes'].includes(id),
)

export interface RunColumn {
  id: ColumnId
  isNumber: boolean
  /** Sorted by; undefined where the run has no such value, which goes last. */
  value(run: RunSummary): string | number | undefined
  text(run: RunSummary): string
}

/** `referenceOf`: the accuracy its project's model had, null where it is not known. */
export function runColumns(
  referenceOf: (run: RunSummary) => number | null,
  wordOf: (column: 'searchMode' | 'state' | 'device', run: RunSummary) => string,
): RunColumn[] {
  const text = (id: ColumnId, value: (run: RunSummary) => string): RunColumn => ({
    id,
    isNumber: false,
    value,
    text: value,
  })
  const number = (
    id: ColumnId,
    value: (run: RunSummary) => number | undefined,
    format: (value: number) => string,
  ): RunColumn => ({
    id,
    isNumber: true,
    value,
    text(run) {
      const known = value(run)
      return known === undefined ? '' : format(known)
    },
  })
  return [
    text('name', runName),
    text('project', (run) => run.projectName),
    text('state', (run) => wordOf('state', run)),
    { id: 'started', isNumber: false, value: (run) => run.started, text: (run) => formatDate(run.started) },
    number('duration', secondsOf, formatDuration),
    number('iterations', (run) => run.iterations, formatInteger),
    number('seed', (run) => run.seed, String),
    text('searchMode', (run) => wordOf('searchMode', run)),
    number('delta', (run) => run.delta ?? undefined, formatPercent),
    number('accuracy', accuracyOf, formatPercent),
    number('difference', (run) => differenceOf(run, referenceOf(run)), formatPoints),
    number('compression', compressionOf, formatRatio),
    number('kept', (run) => run.result?.sparsity.kept, formatInteger),
    text('device', (run) => wordOf('device', run)),
    text('tags', (run) => run.tags.join(', ')),
    text('notes', (run) => run.notes),
  ]
}

/** The user's name for it, else when it was begun. */
export function runName(run: RunSummary): string {
  return run.name === '' ? formatDate(run.started) : run.name
}

/** Of the result, else of the last test. */
export function accuracyOf(run: RunSummary): number | undefined {
  return run.result?.accuracy ?? run.latest?.accuracy
}

export function compressionOf(run: RunSummary): number | undefined {
  return run.result?.compression ?? run.latest?.compression
}

export function differenceOf(run: RunSummary, reference: number | null): number | undefined {
  const accuracy = accuracyOf(run)
  const to = run.result?.referenceAccuracy ?? reference
  return accuracy === undefined || to === null ? undefined : accuracy - to
}

/** Worked on, else from start to end or to now; not known of a run that never began. */
export function secondsOf(run: RunSummary): number | undefined {
  if (run.result !== null) return run.result.seconds.total
  if (run.state === 'queued' || run.progress === null) return undefined
  const end = run.ended === null ? Date.now() : Date.parse(run.ended)
  return Math.max(0, (end - Date.parse(run.started)) / 1000)
}
