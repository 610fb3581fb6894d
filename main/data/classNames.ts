// Names of a net's classes, where its folder has them: one a line, in label order, as Caffe's examples keep them.

import { readFile, stat } from 'node:fs/promises'
import path from 'node:path'

const usualNames = ['synset_words.txt', 'labels.txt', 'classes.txt', 'class_names.txt', 'label_names.txt']
const longestFileBytes = 4_000_000

/** null where no file has exactly `classes` lines. */
export async function readClassNames(folder: string, classes: number): Promise<string[] | null> {
  for (const name of usualNames) {
    const names = await readNames(path.join(folder, name))
    if (names?.length === classes) return names
  }
  return null
}

async function readNames(file: string): Promise<string[] | null> {
  try {
    if ((await stat(file)).size > longestFileBytes) return null
    const lines = (await readFile(file, 'utf8')).split(/\r?\n/).map((line) => line.trim())
    // 'n01440764 tench, Tinca tinca' of ImageNet
    return lines.filter((line) => line !== '').map((line) => line.replace(/^n\d{8}\s+/, ''))
  } catch {
    return null
  }
}
