// What a menu offers, for UiMenu and UiContextMenu.

import type { Component } from 'vue'

export interface MenuAction {
  label: string
  icon?: Component
  /** As the keys read: Ctrl+D. The menu shows it; the view handles the keys. */
  shortcut?: string
  danger?: boolean
  disabled?: boolean
  /** A line above this entry. */
  separator?: boolean
  onSelect: () => void
}

export type MenuItem = MenuAction | { separator: true; label?: undefined }

export function isAction(item: MenuItem): item is MenuAction {
  return item.label !== undefined
}
