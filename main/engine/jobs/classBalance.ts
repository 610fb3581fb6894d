// How many images each class of a dataset has.

import type { ClassBalance } from '../../projects/types'
import { count } from '../../net/graph'
import type { EngineAddon } from '../binding'
import { engineError } from '../errors'
import { type JobControl, throwIfCancelled } from './job'

/** A set of more values than this is sampled: decoding a million photographs takes an hour. */
const mostValues = 500e6
const fewestImages = 5000
const valuesPerRead = 4e6
/** Between two parts of a sample. */
const sampledParts = 100

export async function classBalance(
  addon: EngineAddon,
  dataset: string,
  { onProgress, signal }: JobControl<'classBalance'>,
): Promise<ClassBalance> {
  try {
    const { entries, shape } = await addon.describeDatums(dataset)
    const perRead = Math.max(1, Math.floor(valuesPerRead / count(shape)))
    const wanted = Math.min(entries, Math.max(fewestImages, Math.floor(mostValues / count(shape))))
    const images = new Map<number, number>()
    let counted = 0
    for (const { start, length } of parts(entries, wanted)) {
      for (let done = 0; done < length; done += perRead) {
        throwIfCancelled(signal)
        const datums = await addon.readDatums(dataset, start + done, Math.min(perRead, length - done))
        for (const { label } of datums) images.set(label, (images.get(label) ?? 0) + 1)
        counted += datums.length
        onProgress(counted / wanted)
      }
    }
    const classes = [...images].map(([label, found]) => ({ label, images: found }))
    return { classes: classes.sort((a, b) => a.label - b.label), counted, entries }
  } catch (error) {
    throw engineError(error)
  }
}

/** All of it, or parts spread evenly over it: sets are often sorted by class. */
export function parts(entries: number, wanted: number): { start: number; length: number }[] {
  if (wanted >= entries) return [{ start: 0, length: entries }]
  const length = Math.max(1, Math.floor(wanted / sampledParts))
  const number = Math.floor(wanted / length)
  return Array.from({ length: number }, (_, i) => ({
    start: Math.floor((i * (entries - length)) / Math.max(1, number - 1)),
    length,
  }))
}
