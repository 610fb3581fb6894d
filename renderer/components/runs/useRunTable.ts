// Sorting, filtering and the choice of columns of a table of runs; what the user chose is kept.

import {
  type ColumnDef,
  getCoreRowModel,
  getSortedRowModel,
  type SortingState,
  useVueTable,
} from '@tanstack/vue-table'
import { useLocalStorage } from '@vueuse/core'
import { computed, type Ref, ref } from 'vue'

import type { RunState, RunSummary } from '../../../preload/contract'
import { type ColumnId, columnIds, type RunColumn, usualColumns } from './runColumns'
import { keyOf } from './runKey'

export interface RunFilter {
  text: string
  state: RunState | 'all'
  projectId: string | null
  tag: string | null
}

export function useRunTable(runs: Ref<RunSummary[]>, columns: Ref<RunColumn[]>, keptAs: string) {
  const chosen = useLocalStorage<ColumnId[]>(`runs.columns.${keptAs}`, usualColumns)
  const sorting = useLocalStorage<SortingState>(`runs.sorting.${keptAs}`, [{ id: 'started', desc: true }])
  const filter = ref<RunFilter>({ text: '', state: 'all', projectId: null, tag: null })

  const filtered = computed(() => runs.value.filter((run) => passes(run, filter.value, columns.value)))
  const definitions = computed(() => columns.value.map(definition))
  const visibility = computed(() =>
    Object.fromEntries(columnIds.map((id) => [id, chosen.value.includes(id)])),
  )

  const table = useVueTable({
    get data() {
      return filtered.value
    },
    get columns() {
      return definitions.value
    },
    state: {
      get sorting() {
        return sorting.value
      },
      get columnVisibility() {
        return visibility.value
      },
    },
    onSortingChange: (change) => {
      sorting.value = typeof change === 'function' ? change(sorting.value) : change
    },
    getRowId: keyOf,
    getCoreRowModel: getCoreRowModel(),
    getSortedRowModel: getSortedRowModel(),
  })

  const rows = computed(() => table.getRowModel().rows.map(({ original }) => original))
  const shownColumns = computed(() => columns.value.filter(({ id }) => chosen.value.includes(id)))

  function showColumn(id: ColumnId, shown: boolean): void {
    const others = chosen.value.filter((other) => other !== id)
    chosen.value = shown ? [...others, id] : others
  }

  /** Ascending, descending, ascending …; numbers begin with the largest. */
  function sortBy(column: RunColumn): void {
    const [current] = sorting.value
    const desc = current?.id === column.id ? !current.desc : column.isNumber || column.id === 'started'
    sorting.value = [{ id: column.id, desc }]
  }

  return { rows, filter, sorting, shownColumns, chosen, showColumn, sortBy }
}

function definition(column: RunColumn): ColumnDef<RunSummary> {
  return {
    id: column.id,
    accessorFn: (run) => column.value(run),
    sortUndefined: 'last',
    sortingFn: column.isNumber ? 'basic' : 'text',
  }
}

export function passes(run: RunSummary, filter: RunFilter, columns: RunColumn[]): boolean {
  if (filter.state !== 'all' && run.state !== filter.state) return false
  if (filter.projectId !== null && run.projectId !== filter.projectId) return false
  if (filter.tag !== null && !run.tags.includes(filter.tag)) return false
  const words = filter.text.toLowerCase().split(/\s+/).filter(Boolean)
  if (words.length === 0) return true
  const text = columns
    .map((column) => column.text(run))
    .join(' ')
    .toLowerCase()
  return words.every((word) => text.includes(word))
}
