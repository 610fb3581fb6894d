// A finished run goes on longer.

import { AppError } from '../net/errors'
import { isCycles } from '../olmp/runSettings'
import { listCheckpoints } from './checkpoints'
import { RunFolder } from './RunFolder'
import { RunLock } from './RunLock'

/** Lets a finished run be resumed from its last checkpoint for `iterations` more. Its masks are fixed by then, so that it
 *  is retrained on; its result stands until the new end replaces it. The net it ends with is not, bit for bit, the one of
 *  a run asked for the whole length at once: that one tests at other moments, which draws other batches, and its preset
 *  would have pruned for longer. Throws AppError 'run-in-use', 'run-not-finished', 'no-checkpoint'. */
export async function extendRun(folder: string, iterations: number): Promise<RunFolder> {
  const lock = await RunLock.acquire(folder)
  try {
    const run = await RunFolder.open(folder)
    if (run.record.state !== 'finished') {
      throw new AppError('run-not-finished', 'the run has not reached its end yet', {
        file: folder,
        hint: 'resume it instead',
      })
    }
    if ((await listCheckpoints(run.checkpointsFolder)).length === 0) {
      throw new AppError('no-checkpoint', 'the run has no checkpoint left to go on from', {
        file: run.checkpointsFolder,
        hint: 'start a new run with the same settings',
      })
    }
    const { request } = run.record
    if (isCycles(request.settings)) {
      throw new AppError('not-extendable', 'a compression in cycles ends at its goal', {
        file: folder,
        hint: 'start a new run with another goal',
      })
    }
    const settings = { ...request.settings, iterations: request.settings.iterations + iterations }
    await run.update({ request: { ...request, settings }, state: 'paused' })
    return run
  } finally {
    await lock.release()
  }
}
