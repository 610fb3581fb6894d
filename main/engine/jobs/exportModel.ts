// Models written to files, verified, and timed.

import { availableParallelism } from 'node:os'

import { measureLatency } from '../../onnx/latency'
import { exportModel, verifyModel, type ExportDeps } from '../../runs/exportRun'
import type { EngineServices } from '../EngineServices'
import type { JobControl, JobsOf } from './job'

export const exportJobs: JobsOf<'exportModel' | 'verifyModel' | 'measureLatency'> = {
  exportModel: (engine, { origin, format, file }, control) =>
    exportModel(origin, format, file, depsOf(engine, control)),

  verifyModel: (engine, { origin, format, file }, control) =>
    verifyModel(origin, format, file, depsOf(engine, control)),

  async measureLatency(engine, { file, net }, { onProgress, signal }) {
    onProgress({ stage: 'measuring', done: 0, total: 0 })
    const besideRun = engine.isRunUnderWay
    const times = await measureLatency(file, net, signal)
    return {
      ...times,
      besideRun: besideRun || engine.isRunUnderWay,
      measuredAt: new Date().toISOString(),
    }
  },
}

function depsOf(
  engine: EngineServices,
  { onProgress, signal }: JobControl<'exportModel' | 'verifyModel'>,
): ExportDeps {
  return {
    addon: engine.addon,
    cacheFolder: engine.folders.cache,
    threads: jobThreads(engine),
    onProgress,
    signal,
  }
}

/** Jobs beside a run leave it its threads. */
export function jobThreads(engine: EngineServices): number {
  return engine.isRunUnderWay ? 1 : availableParallelism()
}
