// Runs: begun, ended, exported.

import type { JobsOf } from './job'

export const runJobs: JobsOf<'run' | 'stopRun' | 'shutDown'> = {
  run: (engine, address) => engine.run(address),
  stopRun: (engine, { state }) => engine.stopRun(state),
  shutDown: (engine) => engine.stopRun('paused'),
}
