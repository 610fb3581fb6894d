// Both models over the whole test set.

import { classAccuracy } from '../../onnx/classAccuracy'
import { jobThreads } from './exportModel'
import type { JobsOf } from './job'

export const classAccuracyJobs: JobsOf<'classAccuracy'> = {
  classAccuracy: (engine, { net, original, pruned }, { onProgress, signal }) =>
    classAccuracy({
      addon: engine.addon,
      net,
      original,
      pruned,
      threads: jobThreads(engine),
      onProgress: (done, total) => onProgress({ stage: 'classifying', done, total }),
      signal,
    }),
}
