// The lines of a text file around a place, to show with an error.

import { open } from 'node:fs/promises'

import type { Excerpt } from '../../preload/contract'

const linesBefore = 2
const linesAfter = 1
/** Nets are written by hand: a file longer than this, or such a line, is not one to read in a window. */
const longestFileBytes = 4_000_000
const longestLine = 200

/** null where the file cannot be read, is not text or has no such line. */
export async function readExcerpt(file: string, line: number): Promise<Excerpt | null> {
  const text = await readText(file)
  if (text === null || text.includes('\0')) return null
  const lines = text.split(/\r?\n/)
  if (line < 1 || line > lines.length) return null
  const firstLine = Math.max(1, line - linesBefore)
  const shown = lines.slice(firstLine - 1, line + linesAfter)
  return { firstLine, lines: shown.map((content) => content.slice(0, longestLine)) }
}

async function readText(file: string): Promise<string | null> {
  try {
    const handle = await open(file, 'r')
    try {
      const stat = await handle.stat()
      return stat.isFile() && stat.size <= longestFileBytes ? await handle.readFile('utf8') : null
    } finally {
      await handle.close()
    }
  } catch {
    return null
  }
}
