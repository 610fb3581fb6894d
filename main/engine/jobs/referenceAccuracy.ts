// The stored model's accuracy on the whole test set, as a run measures it before it prunes.

import { AppError } from '../../net/errors'
import { testRecord } from '../../olmp/records'
import type { ReferenceMeasurement } from '../../projects/types'
import { testNet } from '../../runs/loopNet'
import { openModel } from '../../runs/openModel'
import type { ModelSource } from '../../runs/types'
import type { EngineAddon } from '../binding'
import { engineError } from '../errors'
import { type JobControl, throwIfCancelled } from './job'

/** Progress is told so often over the test set. */
const steps = 50

export interface MeasureOptions {
  addon: EngineAddon
  cacheFolder: string
  threads: number
}

export async function referenceAccuracy(
  source: ModelSource,
  options: MeasureOptions,
  { onProgress, signal }: JobControl<'referenceAccuracy'>,
): Promise<ReferenceMeasurement> {
  const opened = await openModel(source, {
    ...options,
    device: 'cpu',
    seed: 0,
    rateEncoding: 'exact',
    needs: { train: false, test: true, weights: true, accuracy: true },
    onProgress: () => throwIfCancelled(signal),
  })
  const { test, session, testIterations, testImages, initialised } = opened
  const cancel = () => session.cancel()
  signal.addEventListener('abort', cancel, { once: true })
  try {
    if (test === null) throw new AppError('no-test-net', 'there is no test net', { file: source.folder })
    const perStep = Math.max(1, Math.ceil(testIterations / steps))
    let sums: Float64Array | null = null
    for (let done = 0; done < testIterations;) {
      throwIfCancelled(signal)
      const iterations = Math.min(perStep, testIterations - done)
      const means = (await session.test(iterations)).map((mean) => mean * iterations)
      sums = sums === null ? means : sums.map((sum, i) => sum + means[i])
      done += iterations
      onProgress(done / testIterations)
    }
    throwIfCancelled(signal)
    const values = (sums ?? new Float64Array()).map((sum) => sum / testIterations)
    const record = testRecord(0, { ...testNet(test, session), testImages }, values, 1)
    return { accuracy: record.accuracy, loss: record.loss, images: record.images, initialised }
  } catch (error) {
    throw engineError(error)
  } finally {
    signal.removeEventListener('abort', cancel)
    await opened.close()
  }
}
