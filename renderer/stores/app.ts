// The app itself: its facts, its engine, how far the run that is on has come.

import { defineStore } from 'pinia'
import { ref, shallowRef } from 'vue'

import type { AppInfo, EngineStatus, RunEventBatch } from '../../preload/contract'
import { call, onEvent } from '../bridge'

export const useAppStore = defineStore('app', () => {
  const info = shallowRef<AppInfo | null>(null)
  const engine = ref<EngineStatus>({ state: 'idle' })
  /** Of the run that is on, 0..1; null where none is, or its length is not known yet. */
  const runFraction = ref<number | null>(null)
  let iterations = 0

  async function load(): Promise<void> {
    info.value = await call('app:info')
    engine.value = info.value.engine
  }

  function setEngine(status: EngineStatus): void {
    const before = engine.value
    const goesOn = status.state === 'running' && before.state === 'running' && status.runId === before.runId
    if (!goesOn) {
      runFraction.value = null
      iterations = 0
    }
    engine.value = status
  }

  function take({ runId, events }: RunEventBatch): void {
    if (engine.value.state !== 'running' || engine.value.runId !== runId) return
    let iteration: number | null = null
    for (const event of events) {
      if (event.kind === 'phase') ({ iteration, iterations } = event)
      else if (event.kind === 'iterations') iteration = event.records.at(-1)?.iteration ?? iteration
    }
    if (iteration !== null && iterations > 0) runFraction.value = Math.min(1, iteration / iterations)
  }

  onEvent('engine:status', setEngine)
  onEvent('engine:run-events', take)

  return { info, engine, runFraction, load }
})
