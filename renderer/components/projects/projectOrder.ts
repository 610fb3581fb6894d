// Which projects the browser shows, and in which order.

import type { ProjectListItem } from '../../../preload/contract'

export type SortKey =
  'opened' | 'created' | 'name' | 'parameters' | 'reference' | 'compression' | 'runs' | 'lastRun'

export interface ProjectOrder {
  key: SortKey
  descending: boolean
}

/** What is not known comes last, whichever way it goes. */
const values: Record<SortKey, (project: ProjectListItem) => string | number | null> = {
  opened: ({ lastOpened, created }) => lastOpened ?? created,
  created: ({ created }) => created,
  name: ({ name }) => name,
  parameters: ({ parameters }) => parameters,
  reference: ({ referenceAccuracy }) => referenceAccuracy,
  compression: ({ best }) => best?.compression ?? null,
  runs: ({ runs }) => runs,
  lastRun: ({ lastRun }) => lastRun?.started ?? null,
}

export function sorted(projects: ProjectListItem[], { key, descending }: ProjectOrder): ProjectListItem[] {
  const value = values[key]
  const direction = descending ? -1 : 1
  return [...projects].sort((a, b) => {
    const x = value(a)
    const y = value(b)
    if (x === null || y === null) return Number(x === null) - Number(y === null)
    if (typeof x === 'number' && typeof y === 'number') return direction * (x - y)
    const options = { numeric: true, sensitivity: 'base' } as const
    return direction * String(x).localeCompare(String(y), undefined, options)
  })
}

/** Every word of the search is somewhere in the name, the net's name or the folder. */
export function matching(projects: ProjectListItem[], search: string): ProjectListItem[] {
  const words = search.toLowerCase().split(/\s+/).filter(Boolean)
  return projects.filter(({ name, modelName, folder }) => {
    const text = `${name}\n${modelName}\n${folder}`.toLowerCase()
    return words.every((word) => text.includes(word))
  })
}
