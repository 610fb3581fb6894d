// Looking at a model's data: images, classes, what the stored model makes of them.

import os from 'node:os'

import type { EngineServices } from '../EngineServices'
import { classBalance } from './classBalance'
import { dataPreview, predictImages } from './dataPreview'
import type { JobsOf } from './job'
import { referenceAccuracy } from './referenceAccuracy'

export const dataJobs: JobsOf<'dataPreview' | 'predictImages' | 'classBalance' | 'referenceAccuracy'> = {
  dataPreview: ({ addon }, params) => dataPreview(addon, params),
  predictImages: (engine, { source, ...images }) => predictImages(source, images, options(engine)),
  classBalance: ({ addon }, { dataset }, control) => classBalance(addon, dataset, control),
  referenceAccuracy: (engine, { source }, control) => referenceAccuracy(source, options(engine), control),
}

function options(engine: EngineServices) {
  const threads = engine.isRunUnderWay ? 1 : os.availableParallelism()
  return { addon: engine.addon, cacheFolder: engine.folders.cache, threads }
}
