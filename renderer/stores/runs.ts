// The runs of every project, for the tables that compare them.

import { defineStore } from 'pinia'
import { shallowRef } from 'vue'

import type { ErrorRecord, RunAddress, RunSummary } from '../../preload/contract'
import { call, onEvent } from '../bridge'

export interface Annotation {
  name?: string
  notes?: string
  tags?: string[]
}

export const useRunsStore = defineStore('runs', () => {
  /** Newest first; null while the first list is on its way. */
  const list = shallowRef<RunSummary[] | null>(null)
  const unreadable = shallowRef<ErrorRecord[]>([])

  async function load(): Promise<void> {
    const answer = await call('runs:list', {})
    list.value = answer.runs
    unreadable.value = answer.unreadable
  }

  async function annotate(address: RunAddress, annotation: Annotation): Promise<void> {
    update(await call('runs:annotate', { address, ...annotation }))
  }

  /** Answers what `undoRemove` wants. */
  async function remove(address: RunAddress): Promise<string> {
    const { undo } = await call('runs:delete', address)
    list.value = list.value?.filter((run) => !isAt(run, address)) ?? null
    return undo
  }

  async function undoRemove(undo: string): Promise<void> {
    await call('app:undo-delete', { undo })
    await load()
  }

  function update(changed: RunSummary): void {
    if (list.value === null) return
    const address = { projectId: changed.projectId, runId: changed.id }
    const known = list.value.some((run) => isAt(run, address))
    list.value = known
      ? list.value.map((run) => (isAt(run, address) ? changed : run))
      : [changed, ...list.value]
  }

  onEvent('runs:changed', update)
  onEvent('projects:changed', () => {
    if (list.value !== null) void load().catch(() => undefined)
  })

  return { list, unreadable, load, annotate, remove, undoRemove }
})

function isAt(run: RunSummary, { projectId, runId }: RunAddress): boolean {
  return run.projectId === projectId && run.id === runId
}
