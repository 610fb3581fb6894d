// Every job of the engine process, by its method.

import type { EngineMethod } from '../protocol'
import type { JobsOf } from './job'
import { modelJobs } from './models'
import { runJobs } from './runs'

export const jobs: JobsOf<EngineMethod> = {
  ...modelJobs,
  ...runJobs,
}
