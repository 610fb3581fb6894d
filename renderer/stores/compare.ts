// What comparing runs needs beyond their lines in the table: their settings and their thinned series, read once each while
// the run does not change.

import { defineStore } from 'pinia'
import { shallowRef } from 'vue'

import type { ErrorRecord, RunColumns, RunModelSummary, RunRequest, RunSummary } from '../../preload/contract'
import { call } from '../bridge'

/** Points per curve: more than a wide screen shows, few enough for many runs. */
const maxPoints = 1200

export interface ComparedRun {
  run: RunSummary
  request: RunRequest
  /** null until the run has opened its model. */
  model: RunModelSummary | null
  series: RunColumns
}

interface Known extends Omit<ComparedRun, 'run'> {
  stamp: string
}

export const useCompareStore = defineStore('compare', () => {
  const known = new Map<string, Known>()
  const compared = shallowRef<ComparedRun[]>([])
  /** Why the history of some cannot be read. */
  const unreadable = shallowRef<ErrorRecord[]>([])
  let newest = 0

  /** Of two loads under way the later one stands. */
  async function load(runs: RunSummary[]): Promise<void> {
    const mine = ++newest
    const wanted = runs.filter((run) => known.get(keyOf(run))?.stamp !== stampOf(run))
    const problems = wanted.length > 0 ? await read(wanted) : unreadable.value
    if (mine !== newest) return
    unreadable.value = problems
    compared.value = runs.flatMap((run) => {
      const found = known.get(keyOf(run))
      return found === undefined ? [] : [{ ...found, run }]
    })
  }

  async function read(runs: RunSummary[]): Promise<ErrorRecord[]> {
    const addresses = runs.map((run) => ({ projectId: run.projectId, runId: run.id }))
    const [answer, requests] = await Promise.all([
      call('runs:series', { addresses, maxPoints }),
      Promise.all(addresses.map((address) => call('runs:request', address))),
    ])
    runs.forEach((run, index) => {
      const series = answer.series.find(
        ({ projectId, runId }) => projectId === run.projectId && runId === run.id,
      )
      if (series !== undefined) known.set(keyOf(run), { stamp: stampOf(run), series, ...requests[index] })
    })
    return answer.unreadable
  }

  return { compared, unreadable, load }
})

const keyOf = ({ projectId, id }: RunSummary): string => `${projectId}/${id}`

/** Changes whenever the run has more to show. */
function stampOf({ state, ended, progress }: RunSummary): string {
  return `${state} ${ended ?? ''} ${progress?.iteration ?? 0}`
}
