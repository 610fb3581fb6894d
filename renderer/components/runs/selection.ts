// Which rows are selected, as a list of keys in the table's order: click, Ctrl+click, Shift+click and the same by keys.

export interface Selection {
  selected: string[]
  /** Where a range starts. */
  anchor: string | null
}

export const nothingSelected: Selection = { selected: [], anchor: null }

export function selectOne(key: string): Selection {
  return { selected: [key], anchor: key }
}

export function toggle({ selected }: Selection, key: string, rows: string[]): Selection {
  const next = selected.includes(key) ? selected.filter((other) => other !== key) : [...selected, key]
  return { selected: inOrder(next, rows), anchor: key }
}

/** From the anchor to `key`, instead of what was selected. */
export function extend({ anchor }: Selection, key: string, rows: string[]): Selection {
  const from = anchor === null ? -1 : rows.indexOf(anchor)
  if (from < 0) return selectOne(key)
  const to = rows.indexOf(key)
  return { selected: rows.slice(Math.min(from, to), Math.max(from, to) + 1), anchor }
}

export function selectAll(rows: string[]): Selection {
  return { selected: rows, anchor: rows[0] ?? null }
}

/** Without rows that are gone. */
export function onlyThose(selection: Selection, rows: string[]): Selection {
  const selected = inOrder(selection.selected, rows)
  if (selected.length === selection.selected.length) return selection
  const anchored = selection.anchor !== null && rows.includes(selection.anchor)
  return { selected, anchor: anchored ? selection.anchor : null }
}

function inOrder(keys: string[], rows: string[]): string[] {
  const wanted = new Set(keys)
  return rows.filter((row) => wanted.has(row))
}
