// Runs: begun, ended, exported.

import { exportOnnx } from '../../runs/exportRun'
import type { JobsOf } from './job'

export const runJobs: JobsOf<'run' | 'stopRun' | 'exportRun' | 'shutDown'> = {
  run: (engine, address) => engine.run(address),
  stopRun: (engine, { state }) => engine.stopRun(state),
  exportRun: ({ addon, folders }, { runFolder, file }, { onProgress, signal }) =>
    exportOnnx(runFolder, file, { addon, cacheFolder: folders.cache, onProgress, signal }),
  shutDown: (engine) => engine.stopRun('paused'),
}
