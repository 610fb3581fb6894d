// What the user notes on a run: annotation.json in its folder. Apart from run.json, which the process that works on the run
// writes.

import { readFile } from 'node:fs/promises'
import { join } from 'node:path'

import { isMissing, replaceFile } from './durable'

const ANNOTATION_FILE = 'annotation.json'

export interface Annotation {
  name: string
  notes: string
  tags: string[]
}

const NONE: Annotation = { name: '', notes: '', tags: [] }

/** Notes that cannot be read count as none: they must not hide the run. */
export async function readAnnotation(runFolder: string): Promise<Annotation> {
  const text = await readFile(join(runFolder, ANNOTATION_FILE), 'utf8').catch((error: unknown) => {
    if (isMissing(error)) return '{}'
    throw error
  })
  try {
    const value = JSON.parse(text) as Partial<Annotation>
    const { name = '', notes = '', tags = [] } = value
    return { name, notes, tags }
  } catch {
    return NONE
  }
}

export async function annotate(runFolder: string, change: Partial<Annotation>): Promise<Annotation> {
  const before = await readAnnotation(runFolder)
  const given = Object.fromEntries(Object.entries(change).filter(([, value]) => value !== undefined))
  const merged = { ...before, ...given }
  const tags = [...new Set(merged.tags.map((tag) => tag.trim()).filter((tag) => tag !== ''))]
  const next: Annotation = { name: merged.name.trim(), notes: merged.notes, tags }
  const content = { formatVersion: 1, ...next }
  await replaceFile(join(runFolder, ANNOTATION_FILE), `${JSON.stringify(content, null, 2)}\n`)
  return next
}
