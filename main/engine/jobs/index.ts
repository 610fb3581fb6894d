// Every job of the engine process, by its method.

import type { EngineMethod } from '../protocol'
import { classAccuracyJobs } from './classAccuracy'
import { dataJobs } from './data'
import { exportJobs } from './exportModel'
import type { JobsOf } from './job'
import { layerWeightsJobs } from './layerWeights'
import { modelJobs } from './models'
import { netGraphJobs } from './netGraph'
import { predictJobs } from './predict'
import { runCostsJobs } from './runCosts'
import { runJobs } from './runs'
import { sensitivityJobs } from './sensitivity'

export const jobs: JobsOf<EngineMethod> = {
  ...modelJobs,
  ...dataJobs,
  ...netGraphJobs,
  ...layerWeightsJobs,
  ...sensitivityJobs,
  ...runCostsJobs,
  ...runJobs,
  ...exportJobs,
  ...predictJobs,
  ...classAccuracyJobs,
}
