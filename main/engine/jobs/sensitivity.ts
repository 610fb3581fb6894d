// Sensitivity: for each prunable layer the accuracy on test images as its crate rises, the other layers as they are. On
// a session of its own, so that a run may be under way beside it. The test set chooses nothing here: it is looked at.

import { availableParallelism } from 'node:os'

import { engineError } from '../errors'
import { AppError } from '../../net/errors'
import type { LayerSensitivity } from '../../projects/netTypes'
import { testNet } from '../../runs/loopNet'
import { batchOf, openModel, type OpenedModel } from '../../runs/openModel'
import { PRUNED_BELOW } from '../../runs/weightPicture'
import type { KeptCounts, LayerMoments, Session } from '../binding'
import type { JobControl, JobsOf } from './job'
import { throwIfCancelled } from './job'

/** Densities a layer is measured at, about: dense where accuracy usually begins to fall. */
const DENSITIES = [
  0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.15, 0.1, 0.07, 0.05, 0.03, 0.02, 0.01, 0.005, 0.002, 0,
]

type Control = JobControl<'sensitivity'>

export const sensitivityJobs: JobsOf<'sensitivity'> = {
  async sensitivity(engine, { source, images, threads }, control) {
    const opened = await openModel(source, {
      addon: engine.addon,
      cacheFolder: engine.folders.cache,
      threads: engine.isRunUnderWay ? 1 : Math.min(threads, availableParallelism()),
      seed: 1,
      device: 'cpu',
      rateEncoding: 'exact',
      needs: { train: false, test: true, weights: true, accuracy: true },
    })
    const { session } = opened
    const cancel = () => session.cancel()
    control.signal.addEventListener('abort', cancel)
    try {
      throwIfCancelled(control.signal)
      return await new Measurement(opened, images, control).run()
    } catch (error) {
      throw engineError(error)
    } finally {
      control.signal.removeEventListener('abort', cancel)
      await opened.close()
    }
  },
}

class Measurement {
  private readonly session: Session
  private readonly iterations: number
  private readonly images: number
  private readonly accuracyAt: number
  private readonly layers: LayerSensitivity[] = []
  private done = 0
  private referenceAccuracy = 0

  constructor(
    private readonly opened: OpenedModel,
    images: number,
    private readonly control: Control,
  ) {
    const { session, test, testImages, testIterations } = opened
    if (test === null || testImages === 0) {
      throw new AppError('no-test-net', 'the accuracy of the net cannot be measured', {
        file: opened.model.folder,
        hint: 'add test data',
      })
    }
    const batch = batchOf(test)
    this.session = session
    this.iterations = Math.min(testIterations, Math.max(1, Math.ceil(images / batch)))
    this.images = this.iterations * batch
    this.accuracyAt = testNet(test, session).testAccuracy
  }

  async run() {
    const { session, opened } = this
    const moments = await session.computeMoments()
    const rates = moments.map(unprunedRate)
    await session.setRates(Float64Array.from(rates))
    this.referenceAccuracy = await this.accuracy()
    for (const [layer, name] of session.prunableLayers.entries()) {
      if (moments[layer].sigma > 0) await this.measure(layer, name, moments[layer], rates)
    }
    const { images, referenceAccuracy, layers } = this
    return { images, testImages: opened.testImages, referenceAccuracy, layers }
  }

  /** Of one layer, from all of it to nothing; its masks are put back. */
  private async measure(layer: number, name: string, moments: LayerMoments, rates: number[]): Promise<void> {
    const { session } = this
    const before = (await session.keptCounts())[layer]
    const masks = await this.masks(layer)
    const curve: LayerSensitivity = { layer: name, points: [] }
    this.layers.push(curve)
    const first = { rate: rates[layer], density: density(before), accuracy: this.referenceAccuracy }
    curve.points.push(first)
    for (const threshold of await this.thresholds(layer)) {
      const rate = (threshold / PRUNED_BELOW - moments.mu) / moments.sigma
      await session.setRates(Float64Array.from(rates, (own, i) => (i === layer ? rate : own)))
      await session.remask([layer])
      const kept = density((await session.keptCounts())[layer])
      const last = curve.points[curve.points.length - 1]
      this.done += 1
      // Between two values of a layer with few there is nothing new to measure.
      if (kept !== last.density) curve.points.push({ rate, density: kept, accuracy: await this.accuracy() })
      this.tell()
    }
    for (const { index, mask } of masks) await session.setParameter(index, 'mask', mask)
    await session.setRates(Float64Array.from(rates))
  }

  /** Magnitudes at or below which weights fall so that about the densities wanted remain, rising. */
  private async thresholds(layer: number): Promise<number[]> {
    const { session } = this
    const magnitudes: Float32Array[] = []
    for (const [index, { prunable }] of session.parameters.entries()) {
      if (prunable === layer)
        magnitudes.push((await session.getParameter(index, 'value')).map((value) => Math.abs(value)))
    }
    const sorted = new Float32Array(magnitudes.reduce((total, { length }) => total + length, 0))
    let place = 0
    for (const part of magnitudes) {
      sorted.set(part, place)
      place += part.length
    }
    sorted.sort()
    return DENSITIES.map((wanted) => {
      const pruned = Math.min(sorted.length, Math.round((1 - wanted) * sorted.length))
      // A little above the largest that falls, because the engine compares in float32.
      return sorted[Math.max(0, pruned - 1)] * (1 + 1e-6)
    })
  }

  private async masks(layer: number): Promise<{ index: number; mask: Float32Array }[]> {
    const own = [...this.session.parameters.entries()].filter(([, { prunable }]) => prunable === layer)
    return Promise.all(
      own.map(async ([index]) => ({ index, mask: await this.session.getParameter(index, 'mask') })),
    )
  }

  /** On the first images of the test set, the same every time. */
  private async accuracy(): Promise<number> {
    throwIfCancelled(this.control.signal)
    await this.session.rewind('TEST')
    const values = await this.session.test(this.iterations)
    throwIfCancelled(this.control.signal)
    return values[this.accuracyAt]
  }

  private tell(): void {
    const { done, images, referenceAccuracy, layers } = this
    const total = this.session.prunableLayers.length * DENSITIES.length
    this.control.onProgress({ done, total, images, referenceAccuracy, layers })
  }
}

/** The crate at which t is 0: nothing is pruned but what is zero. */
function unprunedRate({ mu, sigma }: LayerMoments): number {
  return sigma > 0 ? -mu / sigma : 0
}

function density({ weights, biases, keptWeights, keptBiases }: KeptCounts): number {
  return (keptWeights + keptBiases) / (weights + biases)
}
