// What the command palette offers, and what of it matches a search.

import type { Component } from 'vue'

export interface Command {
  id: string
  group: 'actions' | 'views' | 'projects' | 'runs'
  label: string
  detail?: string
  shortcut?: string
  icon?: Component
  run: () => void
}

const most = 60

/** Every word of the search stands in label or detail; where a label begins with the search it comes first. */
export function matching(commands: readonly Command[], search: string): Command[] {
  const wanted = search.trim().toLowerCase()
  const words = wanted.split(/\s+/).filter((word) => word !== '')
  const found = commands.filter(({ label, detail }) => {
    const text = `${label} ${detail ?? ''}`.toLowerCase()
    return words.every((word) => text.includes(word))
  })
  if (words.length === 0) return found.slice(0, most)
  const begins = ({ label }: Command) => (label.toLowerCase().startsWith(wanted) ? 0 : 1)
  return found.sort((a, b) => begins(a) - begins(b)).slice(0, most)
}
