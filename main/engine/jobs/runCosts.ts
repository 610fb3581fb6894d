// What the parts of a run take: a short measurement of the model itself, a few hundred milliseconds of each.

import type { RunCosts } from '../../projects/estimate'
import { loopNet } from '../../runs/loopNet'
import { openModel } from '../../runs/openModel'
import type { ModelSource } from '../../runs/types'
import type { Session } from '../binding'
import { engineError } from '../errors'
import { type JobsOf, throwIfCancelled } from './job'

export interface RunCostsRequest {
  source: ModelSource
  device: 'cpu' | 'cuda'
  tf32?: boolean
  threads: number
}

const measureMs = 300
/** Rates in the middle of what a search tries, so that the masks differ as they do there. */
const trialRate = 1
const trialCandidates = 4

export const runCostsJobs: JobsOf<'runCosts'> = {
  async runCosts({ addon, folders, isRunUnderWay }, { source, device, tf32, threads }, { signal }) {
    const opened = await openModel(source, {
      addon,
      cacheFolder: folders.cache,
      threads,
      device,
      tf32,
      seed: 1,
      rateEncoding: 'exact',
      onProgress: () => throwIfCancelled(signal),
    })
    const { session, testIterations } = opened
    const cancel = () => session.cancel()
    signal.addEventListener('abort', cancel, { once: true })
    try {
      return {
        ...(await measure(session, loopNet(opened).prunable.length, testIterations, signal)),
        device,
        threads,
        memoryBytes: session.memoryBytes,
        gpu: opened.memory,
        besideRun: isRunUnderWay,
      }
    } catch (error) {
      throw engineError(error)
    } finally {
      signal.removeEventListener('abort', cancel)
      await opened.close()
    }
  },
}

async function measure(
  session: Session,
  layers: number,
  testIterations: number,
  signal: AbortSignal,
): Promise<Pick<RunCosts, 'trainMs' | 'evaluationMs' | 'testMs'>> {
  const rates = new Float64Array(layers * trialCandidates).fill(trialRate)
  const trainMs = await timePer(signal, async (count) => void (await session.train(count)))
  // a batch is loaded now, which the candidates are measured on
  await session.computeMoments()
  const evaluationMs = await timePer(signal, async (rounds) => {
    for (let round = 0; round < rounds; round++) {
      throwIfCancelled(signal)
      await session.evaluateRates(rates, 'independent')
    }
  })
  const batchMs =
    testIterations === 0 ? 0 : await timePer(signal, async (count) => void (await session.test(count)))
  return { trainMs, evaluationMs: evaluationMs / trialCandidates, testMs: batchMs * testIterations }
}

/** Milliseconds of one unit of work; the first is for caches and primitives to be made. */
async function timePer(signal: AbortSignal, work: (count: number) => Promise<void>): Promise<number> {
  const timed = async (count: number): Promise<number> => {
    throwIfCancelled(signal)
    const started = performance.now()
    await work(count)
    throwIfCancelled(signal)
    return performance.now() - started
  }
  await timed(1)
  const one = await timed(1)
  const count = Math.max(1, Math.min(10_000, Math.floor(measureMs / Math.max(one, 0.01))))
  return count === 1 ? one : (await timed(count)) / count
}
