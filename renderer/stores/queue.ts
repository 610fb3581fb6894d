// What waits for the engine, in its order; the run that has it stands first.

import { defineStore } from 'pinia'
import { computed, ref, shallowRef } from 'vue'

import type { RunAddress, RunSummary } from '../../preload/contract'
import { call, onEvent } from '../bridge'

export const useQueueStore = defineStore('queue', () => {
  /** null while the first list is on its way. */
  const entries = shallowRef<RunSummary[] | null>(null)
  /** No further run is begun. */
  const held = ref(false)

  const running = computed(() => entries.value?.filter(({ state }) => state === 'running') ?? [])
  const waiting = computed(() => entries.value?.filter(({ state }) => state !== 'running') ?? [])

  /** Moves that main has not answered: lists of before them would undo what is shown of them for a moment, long enough for the
   *  next click to take another run. */
  let moves = 0

  async function load(): Promise<void> {
    const answer = await call('queue:list')
    if (moves > 0) return
    entries.value = answer.entries
    held.value = answer.held
  }

  /** `index` counts the waiting runs from 0. Shown at once; what main says stands. */
  async function move(address: RunAddress, index: number): Promise<void> {
    const moved = waiting.value.find((run) => isAt(run, address))
    if (moved === undefined) return
    const others = waiting.value.filter((run) => run !== moved)
    entries.value = [...running.value, ...others.slice(0, index), moved, ...others.slice(index)]
    moves += 1
    try {
      await call('queue:move', { address, index })
    } finally {
      moves -= 1
      await load()
    }
  }

  async function remove(address: RunAddress): Promise<void> {
    await call('queue:remove', { address })
    await load()
  }

  async function hold(wanted: boolean): Promise<void> {
    await call('queue:hold', { held: wanted })
    await load()
  }

  function update(changed: RunSummary): void {
    const address = { projectId: changed.projectId, runId: changed.id }
    entries.value = entries.value?.map((run) => (isAt(run, address) ? changed : run)) ?? null
  }

  onEvent('runs:changed', update)
  onEvent('queue:changed', () => void load().catch(() => undefined))

  return { entries, held, running, waiting, load, move, remove, hold }
})

function isAt(run: RunSummary, { projectId, runId }: RunAddress): boolean {
  return run.projectId === projectId && run.id === runId
}
