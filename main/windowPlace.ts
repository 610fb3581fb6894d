// Where the window was, between starts.

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'

import { screen } from 'electron'

export interface WindowPlace {
  x?: number
  y?: number
  width: number
  height: number
}

const initial: WindowPlace = { width: 1280, height: 800 }

/** The place remembered, or the initial one where there is none or it is on no screen any more. */
export function readWindowPlace(file: string): WindowPlace {
  const remembered = parsePlace(file)
  if (remembered === null) return initial
  const { x, y, width, height } = remembered
  const area = screen.getDisplayMatching({ x, y, width, height }).workArea
  const visible =
    x < area.x + area.width && x + width > area.x && y < area.y + area.height && y + height > area.y
  return visible ? remembered : { width, height }
}

export function writeWindowPlace(file: string, place: Required<WindowPlace>): void {
  try {
    mkdirSync(path.dirname(file), { recursive: true })
    writeFileSync(file, JSON.stringify(place))
  } catch {
    // A place that cannot be kept is not worth a word: the window opens at the initial one.
  }
}

function parsePlace(file: string): Required<WindowPlace> | null {
  try {
    const value = JSON.parse(readFileSync(file, 'utf8')) as Partial<Record<keyof WindowPlace, unknown>>
    const numbers = [value.x, value.y, value.width, value.height]
    if (!numbers.every((number): number is number => Number.isInteger(number))) return null
    const [x, y, width, height] = numbers
    return { x, y, width: Math.max(width, 880), height: Math.max(height, 560) }
  } catch {
    return null
  }
}
