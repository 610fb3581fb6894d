// Settings of several runs side by side, one row per value, by the names of the settings file.

import type { RunRequest } from '../../../preload/contract'

export interface DiffRow {
  name: string
  /** One per run, as text; null where the run has no such setting. */
  values: (string | null)[]
  differs: boolean
}

export function settingsRows(requests: RunRequest[]): DiffRow[] {
  const flat = requests.map(flatten)
  const names = [...new Set(flat.flatMap((settings) => [...settings.keys()]))]
  return names.map((name) => {
    const values = flat.map((settings) => settings.get(name) ?? null)
    return { name, values, differs: values.some((value) => value !== values[0]) }
  })
}

/** A run's settings without its seed, as one text: equal for runs that differ in nothing else. */
export function seedlessKey(request: RunRequest): string {
  return JSON.stringify([...flatten(request)].filter(([name]) => name !== 'seed').sort())
}

function flatten({ settings, source, device, threads }: RunRequest): Map<string, string> {
  const rows = new Map<string, string>([['model', source.folder]])
  if (source.weights !== undefined) rows.set('weights', source.weights)
  if (source.dataTrain !== undefined) rows.set('dataTrain', source.dataTrain)
  if (source.dataTest !== undefined) rows.set('dataTest', source.dataTest)
  for (const [name, value] of Object.entries(settings)) addSetting(rows, name, value)
  return rows.set('device', device).set('threads', String(threads))
}

function addSetting(rows: Map<string, string>, name: string, value: unknown): void {
  if (typeof value !== 'object' || value === null) {
    rows.set(name, String(value))
  } else if (Array.isArray(value)) {
    rows.set(name, value.map(entryText).join('; '))
  } else {
    for (const [part, inner] of Object.entries(value)) addSetting(rows, `${name}.${part}`, inner)
  }
}

/** conv1: prune true, gamma 0.0001 */
function entryText(entry: unknown): string {
  if (typeof entry !== 'object' || entry === null) return String(entry)
  const { name, ...rest } = entry as { name?: unknown }
  const parts = Object.entries(rest).map(([key, value]) => `${key} ${String(value)}`)
  return name === undefined ? parts.join(' ') : `${String(name)}: ${parts.join(', ')}`
}
