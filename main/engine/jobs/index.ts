// Every job of the engine process, by its method.

import type { EngineMethod } from '../protocol'
import { dataJobs } from './data'
import type { JobsOf } from './job'
import { layerWeightsJobs } from './layerWeights'
import { modelJobs } from './models'
import { netGraphJobs } from './netGraph'
import { runJobs } from './runs'
import { sensitivityJobs } from './sensitivity'

export const jobs: JobsOf<EngineMethod> = {
  ...modelJobs,
  ...dataJobs,
  ...netGraphJobs,
  ...layerWeightsJobs,
  ...sensitivityJobs,
  ...runJobs,
}
