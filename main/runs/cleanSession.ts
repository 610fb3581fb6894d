// Dead units of the session's net, removed.

import { AppError } from '../net/errors'
import type { MaskedBlob } from '../net/clean/blobs'
import { Cleaner } from '../net/clean/Cleaner'
import type { OpenedModel } from './openModel'

/** The analysis of the net is done once; what is answered cleans the session's net as it then stands. */
export function sessionCleaner({ train, model, session }: OpenedModel): () => Promise<void> {
  if (train === null) throw new AppError('no-train-net', 'there is no net to clean', { file: model.folder })
  const cleaner = new Cleaner(train)
  return async () => {
    const blobs = new Map<string, MaskedBlob[]>()
    for (const [index, { layer, slot, prunable }] of session.parameters.entries()) {
      const values = await session.getParameter(index, 'value')
      const mask = prunable < 0 ? undefined : await session.getParameter(index, 'mask')
      const own = blobs.get(layer) ?? []
      own[slot] = { values, mask }
      blobs.set(layer, own)
    }
    const { changed } = cleaner.clean(blobs)
    for (const [index, { layer, slot, prunable }] of session.parameters.entries()) {
      const blob = blobs.get(layer)?.[slot]
      if (!changed.has(layer) || blob === undefined || prunable < 0) continue
      await session.setParameter(index, 'value', blob.values)
      if (blob.mask !== undefined) await session.setParameter(index, 'mask', Float32Array.from(blob.mask))
    }
  }
}
