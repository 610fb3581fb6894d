// The run on show: its history, then what the engine process sends. Series are plain columns outside Vue's reactivity;
// `revision` says that they changed.

import { defineStore } from 'pinia'
import { computed, ref, shallowRef } from 'vue'

import type {
  CheckpointInfo,
  EngineUsage,
  ErrorRecord,
  ExportResult,
  FrontRecord,
  NumberedLogLine,
  RunEvent,
  RunEventBatch,
  RunHistory,
  RunProgress,
  RunSummary,
} from '../../preload/contract'
import { call, onEvent } from '../bridge'
import { RunSeries } from '../series/RunSeries'
import { SearchCloud } from '../series/SearchCloud'
import { Speed } from '../series/Speed'

const keptLogLines = 5000
/** The list of checkpoints is read again once those just written are told. */
const checkpointsRestMs = 300

export const useRunStore = defineStore('run', () => {
  const summary = shallowRef<RunSummary | null>(null)
  const progress = shallowRef<RunProgress | null>(null)
  const referenceAccuracy = ref<number | null>(null)
  const checkpoints = shallowRef<CheckpointInfo[]>([])
  /** The nets that a compression in cycles has kept, from the largest to the smallest. */
  const front = shallowRef<FrontRecord[]>([])
  const exported = shallowRef<ExportResult | null>(null)
  const error = shallowRef<ErrorRecord | null>(null)
  /** Why the history cannot be read. */
  const problem = shallowRef<ErrorRecord | null>(null)
  const series = shallowRef(new RunSeries())
  const search = shallowRef(new SearchCloud())
  const log = shallowRef<NumberedLogLine[]>([])
  const usage = shallowRef<EngineUsage | null>(null)
  /** Says that the columns, which are not reactive, have changed; once per frame at most. */
  const revision = ref(0)
  const iterationsPerSecond = ref<number | null>(null)
  let speed = new Speed()
  /** Batches that came while the history was read. */
  let waiting: RunEventBatch[] | null = null
  let opened = 0
  let frame = 0
  let checkpointTimer: ReturnType<typeof setTimeout> | undefined

  const isLive = computed(() => summary.value?.state === 'running')

  async function open(projectId: string, runId: string): Promise<void> {
    const mine = ++opened
    if (summary.value?.id !== runId) clear()
    waiting = []
    try {
      const history = await call('runs:history', { projectId, runId })
      if (mine === opened) show(history)
    } finally {
      if (mine === opened) {
        const batches: RunEventBatch[] = waiting ?? []
        waiting = null
        batches.forEach(take)
      }
    }
  }

  function show(history: RunHistory): void {
    summary.value = history.summary
    referenceAccuracy.value = history.referenceAccuracy
    progress.value = history.progress
    checkpoints.value = history.checkpoints
    exported.value = history.exported
    front.value = history.front
    error.value = history.error
    problem.value = history.problem
    log.value = history.log.slice(-keptLogLines)
    const columns = new RunSeries()
    columns.load(history.iterations, history.tests, history.densities)
    series.value = columns
    const cloud = new SearchCloud()
    cloud.add(history.searches)
    search.value = cloud
    speed = new Speed()
    revision.value++
  }

  function clear(): void {
    clearTimeout(checkpointTimer)
    summary.value = null
    progress.value = null
    referenceAccuracy.value = null
    checkpoints.value = []
    exported.value = null
    front.value = []
    error.value = null
    problem.value = null
    search.value = new SearchCloud()
    iterationsPerSecond.value = null
    usage.value = null
    log.value = []
    series.value = new RunSeries()
  }

  function take(batch: RunEventBatch): void {
    if (waiting !== null) {
      waiting.push(batch)
      return
    }
    if (summary.value === null || batch.runId !== summary.value.id) return
    const lines: Omit<NumberedLogLine, 'number'>[] = []
    for (const event of batch.events) takeEvent(event, lines)
    if (lines.length > 0) addLog(lines)
    tellChange()
  }

  /** However often batches come, what shows them is drawn with the screen. */
  function tellChange(): void {
    if (frame !== 0) return
    frame = requestAnimationFrame(() => {
      frame = 0
      tellProgress()
      revision.value++
    })
  }

  function tellProgress(): void {
    const iteration = series.value.iterations.iteration.last
    if (!Number.isFinite(iteration) || !isLive.value) return
    iterationsPerSecond.value = speed.at(performance.now(), iteration)
    if (progress.value !== null && iteration > progress.value.iteration) {
      progress.value = { ...progress.value, iteration }
    }
  }

  function takeEvent(event: RunEvent, lines: Omit<NumberedLogLine, 'number'>[]): void {
    switch (event.kind) {
      case 'phase': {
        const { phase, text, iteration, iterations, cycle } = event
        progress.value = { phase, text, iteration, iterations, cycle }
        break
      }
      case 'iterations':
        series.value.addIterations(event.records)
        break
      case 'test':
        series.value.addTest(event.record)
        if (progress.value?.phase === 'reference') referenceAccuracy.value = event.record.accuracy
        break
      case 'densities':
        series.value.addDensities(event.records)
        break
      case 'search':
        search.value.add(event.records)
        break
      case 'log':
        lines.push(event)
        break
      case 'front':
        front.value = [...front.value.filter(({ kept }) => kept > event.record.kept), event.record]
        break
      case 'checkpoint':
        readCheckpoints()
        break
      case 'result':
        referenceAccuracy.value = event.result.referenceAccuracy
        break
      case 'error':
        error.value = event.error
        break
    }
  }

  function readCheckpoints(): void {
    clearTimeout(checkpointTimer)
    const shown = summary.value
    if (shown === null) return
    const address = { projectId: shown.projectId, runId: shown.id }
    checkpointTimer = setTimeout(() => {
      // What they are is a convenience beside the run: a list that cannot be read now is read at the next.
      void call('models:of-run', address).then(
        (models) => {
          if (summary.value?.id === address.runId) checkpoints.value = models.checkpoints
        },
        () => undefined,
      )
    }, checkpointsRestMs)
  }

  function addLog(lines: Omit<NumberedLogLine, 'number'>[]): void {
    const known = new Set(log.value.slice(-lines.length - 200).map(lineKey))
    const fresh = lines.filter((line) => !known.has(lineKey(line)))
    let number = log.value.at(-1)?.number ?? 0
    const numbered = fresh.map(({ timeMs, level, text }) => ({ timeMs, level, text, number: ++number }))
    log.value = [...log.value, ...numbered].slice(-keptLogLines)
  }

  function updateSummary(changed: RunSummary): void {
    if (summary.value?.id !== changed.id) return
    const resumed = !isLive.value && changed.state === 'running'
    const ended = isLive.value && changed.state !== 'running'
    summary.value = changed
    // A resumed run goes back to its checkpoint: what was recorded after that comes again.
    if (resumed) void open(changed.projectId, changed.id)
    if (ended) readCheckpoints()
    if (changed.state === 'running') error.value = null
    else error.value = changed.error ?? error.value
    if (changed.result !== null) referenceAccuracy.value = changed.result.referenceAccuracy
    if (changed.state !== 'running') {
      iterationsPerSecond.value = null
      usage.value = null
    }
  }

  async function annotate(change: { name?: string; notes?: string; tags?: string[] }): Promise<void> {
    const shown = summary.value
    if (shown === null) return
    const address = { projectId: shown.projectId, runId: shown.id }
    updateSummary(await call('runs:annotate', { address, ...change }))
  }

  onEvent('engine:run-events', take)
  onEvent('runs:changed', updateSummary)
  onEvent('engine:usage', (taken) => {
    if (isLive.value) usage.value = taken
  })

  return {
    summary,
    progress,
    referenceAccuracy,
    checkpoints,
    exported,
    front,
    error,
    problem,
    series,
    search,
    log,
    usage,
    revision,
    iterationsPerSecond,
    isLive,
    open,
    clear,
    take,
    annotate,
  }
})

function lineKey(line: { timeMs: number; text: string }): string {
  return `${line.timeMs} ${line.text}`
}
