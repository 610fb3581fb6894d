// Two exported models over a labelled dataset, compared image by image.

import type { EngineAddon } from '../engine/binding'
import { AppError } from '../net/errors'
import { count } from '../net/graph'
import { inputPixels } from './images'
import { OnnxRuntime } from './runtime'
import type { ChangedImage, ClassAccuracy, TryNet } from './tryTypes'

export interface ClassAccuracyOptions {
  addon: Pick<EngineAddon, 'readDatums'>
  net: TryNet
  /** .onnx files, which take raw pixels. */
  original: string
  pruned: string
  threads: number
  onProgress?: (images: number, total: number) => void
  signal?: AbortSignal
}

const batch = 100

/** Throws AppError: 'no-dataset', 'not-a-classifier'. */
export async function classAccuracy(options: ClassAccuracyOptions): Promise<ClassAccuracy> {
  const { addon, net, threads, onProgress, signal } = options
  const { dataset, inputShape } = net
  if (dataset === null) {
    throw new AppError('no-dataset', 'The project has no test data.', { hint: 'Say where the data is.' })
  }
  const tally = new Tally()
  const before = await OnnxRuntime.load(options.original, threads)
  const after = await OnnxRuntime.load(options.pruned, threads)
  try {
    for (let start = 0; start < dataset.entries; start += batch) {
      signal?.throwIfAborted()
      const items = Math.min(batch, dataset.entries - start)
      const datums = await addon.readDatums(dataset.folder, start, items)
      const values = new Float32Array(items * count(inputShape))
      datums.forEach((datum, i) => values.set(inputPixels(datum, inputShape), i * count(inputShape)))
      const input = { [net.input]: { shape: [items, ...inputShape], values } }
      const first = await bestClasses(before, input, items, options.original)
      const second = await bestClasses(after, input, items, options.pruned)
      datums.forEach(({ label }, i) =>
        tally.add({ index: start + i, label, before: first[i], after: second[i] }),
      )
      onProgress?.(start + items, dataset.entries)
    }
  } finally {
    await Promise.all([before.dispose(), after.dispose()])
  }
  return tally.result()
}

/** By Caffe's rule a class that ties with another counts against the image; here the first of equals is told, because a
 *  label is wanted. Ties of float32 probabilities are not met in practice. */
async function bestClasses(
  runtime: OnnxRuntime,
  input: Parameters<OnnxRuntime['run']>[0],
  items: number,
  file: string,
): Promise<number[]> {
  const outputs = Object.values(await runtime.run(input))
  const classifier = outputs.find(
    ({ shape }) => shape.length >= 2 && count(shape) === items * shape[1] && shape[1] > 1,
  )
  if (classifier === undefined) {
    throw new AppError('not-a-classifier', 'The net does not end in one value for each class.', {
      file,
      hint: 'Accuracy by class is for classifiers.',
    })
  }
  const classes = classifier.shape[1]
  return Array.from({ length: items }, (_, item) => {
    const row = classifier.values.subarray(item * classes, (item + 1) * classes)
    return row.reduce((best, value, label) => (value > row[best] ? label : best), 0)
  })
}

export class Tally {
  private readonly classes = new Map<
    number,
    { images: number; correctBefore: number; correctAfter: number }
  >()
  private readonly changed: ChangedImage[] = []
  private otherwiseWrong = 0
  private images = 0

  add(image: ChangedImage): void {
    const { label, before, after } = image
    const row = this.classes.get(label) ?? { images: 0, correctBefore: 0, correctAfter: 0 }
    const [rightBefore, rightAfter] = [before === label, after === label]
    this.classes.set(label, {
      images: row.images + 1,
      correctBefore: row.correctBefore + Number(rightBefore),
      correctAfter: row.correctAfter + Number(rightAfter),
    })
    this.images += 1
    if (rightBefore !== rightAfter) this.changed.push(image)
    else if (!rightBefore && before !== after) this.otherwiseWrong += 1
  }

  result(): ClassAccuracy {
    const classes = [...this.classes]
      .map(([label, row]) => ({ label, ...row }))
      .sort((a, b) => a.label - b.label)
    const share = (pick: 'correctBefore' | 'correctAfter') =>
      classes.reduce((sum, row) => sum + row[pick], 0) / this.images
    return {
      images: this.images,
      accuracyBefore: share('correctBefore'),
      accuracyAfter: share('correctAfter'),
      classes,
      changed: this.changed,
      otherwiseWrong: this.otherwiseWrong,
      measuredAt: new Date().toISOString(),
    }
  }
}
