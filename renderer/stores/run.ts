// The run on show: its history, then what the engine process sends. Series are plain columns outside Vue's reactivity;
// `revision` says that they changed.

import { defineStore } from 'pinia'
import { computed, ref, shallowRef } from 'vue'

import type {
  ErrorRecord,
  ExportResult,
  LogLine,
  RunEvent,
  RunEventBatch,
  RunHistory,
  RunProgress,
  RunSummary,
  SearchRecord,
} from '../../preload/contract'
import { call, onEvent } from '../bridge'
import { RunSeries } from '../series/RunSeries'
import { Speed } from '../series/Speed'

const keptLogLines = 5000

export const useRunStore = defineStore('run', () => {
  const summary = shallowRef<RunSummary | null>(null)
  const progress = shallowRef<RunProgress | null>(null)
  const referenceAccuracy = ref<number | null>(null)
  const checkpointIteration = ref<number | null>(null)
  const exported = shallowRef<ExportResult | null>(null)
  const error = shallowRef<ErrorRecord | null>(null)
  const series = shallowRef(new RunSeries())
  const search = shallowRef<SearchRecord | null>(null)
  const log = shallowRef<LogLine[]>([])
  const revision = ref(0)
  const iterationsPerSecond = ref<number | null>(null)
  let speed = new Speed()
  /** Batches that came while the history was read. */
  let waiting: RunEventBatch[] | null = null

  const isLive = computed(() => summary.value?.state === 'running' || summary.value?.state === 'queued')

  async function open(projectId: string, runId: string): Promise<void> {
    if (summary.value?.id !== runId) clear()
    waiting = []
    try {
      show(await call('runs:history', { projectId, runId }))
    } finally {
      const batches = waiting
      waiting = null
      batches.forEach(take)
    }
  }

  function show(history: RunHistory): void {
    summary.value = history.summary
    referenceAccuracy.value = history.referenceAccuracy
    progress.value = history.progress
    checkpointIteration.value = history.checkpoint?.iteration ?? null
    exported.value = history.exported
    error.value = history.error
    log.value = history.log.slice(-keptLogLines)
    series.value = new RunSeries()
    series.value.load(history.iterations, history.tests)
    speed = new Speed()
    revision.value++
  }

  function clear(): void {
    summary.value = null
    search.value = null
    iterationsPerSecond.value = null
    log.value = []
    series.value = new RunSeries()
  }

  function take(batch: RunEventBatch): void {
    if (waiting !== null) {
      waiting.push(batch)
      return
    }
    if (summary.value === null || batch.runId !== summary.value.id) return
    const lines: LogLine[] = []
    for (const event of batch.events) takeEvent(event, lines)
    if (lines.length > 0) addLog(lines)
    revision.value++
  }

  function takeEvent(event: RunEvent, lines: LogLine[]): void {
    switch (event.kind) {
      case 'phase':
        progress.value = event
        break
      case 'iterations': {
        series.value.addIterations(event.records)
        const iteration = series.value.iterations.iteration.last
        iterationsPerSecond.value = speed.at(performance.now(), iteration)
        if (progress.value !== null) progress.value = { ...progress.value, iteration }
        break
      }
      case 'test':
        series.value.addTest(event.record)
        if (progress.value?.phase === 'reference') referenceAccuracy.value = event.record.accuracy
        break
      case 'search':
        search.value = event.records[event.records.length - 1] ?? search.value
        break
      case 'log':
        lines.push(event)
        break
      case 'checkpoint':
        checkpointIteration.value = event.iteration
        break
      case 'result':
        referenceAccuracy.value = event.result.referenceAccuracy
        break
      case 'error':
        error.value = event.error
        break
    }
  }

  function addLog(lines: LogLine[]): void {
    const known = new Set(log.value.slice(-lines.length - 200).map(lineKey))
    const fresh = lines.filter((line) => !known.has(lineKey(line)))
    log.value = [...log.value, ...fresh].slice(-keptLogLines)
  }

  function updateSummary(changed: RunSummary): void {
    if (summary.value?.id !== changed.id) return
    const resumed = !isLive.value && changed.state === 'running'
    summary.value = changed
    // A resumed run goes back to its checkpoint: what was recorded after that comes again.
    if (resumed) void open(changed.projectId, changed.id)
    if (changed.state === 'running') error.value = null
    else error.value = changed.error ?? error.value
    if (changed.result !== null) referenceAccuracy.value = changed.result.referenceAccuracy
    if (changed.state !== 'running') iterationsPerSecond.value = null
  }

  onEvent('engine:run-events', take)
  onEvent('runs:changed', updateSummary)

  return {
    summary,
    progress,
    referenceAccuracy,
    checkpointIteration,
    exported,
    error,
    series,
    search,
    log,
    revision,
    iterationsPerSecond,
    isLive,
    open,
    clear,
  }
})

function lineKey(line: LogLine): string {
  return `${line.timeMs} ${line.text}`
}
