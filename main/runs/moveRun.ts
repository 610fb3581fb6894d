// A run goes on where it did not begin.

import { AppError } from '../net/errors'
import { RunFolder } from './RunFolder'
import { RunLock } from './RunLock'
import type { RunRequest } from './types'

/** From its next start on the run computes on `device`: a checkpoint holds nothing that belongs to the one it was written
 *  on. Rounding differs between them, so that the net it ends with does too. Throws AppError 'run-in-use',
 *  'run-finished'. */
export async function moveRun(folder: string, device: RunRequest['device']): Promise<RunFolder> {
  const lock = await RunLock.acquire(folder)
  try {
    const run = await RunFolder.open(folder)
    if (run.record.state === 'finished') {
      throw new AppError('run-finished', 'the run is finished', { file: folder })
    }
    await run.update({ request: { ...run.record.request, device } })
    return run
  } finally {
    await lock.release()
  }
}
