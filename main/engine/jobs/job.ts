// What a job is: one method of the engine process. A module of this folder states some as a JobsOf<...> and is listed in
// index.ts; its request, answer and progress are stated in ../protocol.ts.

import { AppError } from '../../net/errors'
import type { EngineServices } from '../EngineServices'
import type { EngineMethod, EngineParams, EngineProgress, EngineResponse } from '../protocol'

export interface JobControl<M extends EngineMethod = EngineMethod> {
  onProgress(progress: EngineProgress<M>): void
  /** Aborted where the asker no longer wants the answer: end soon, by whatever error. */
  signal: AbortSignal
}

export type Job<M extends EngineMethod> = (
  engine: EngineServices,
  params: EngineParams<M>,
  control: JobControl<M>,
) => Promise<EngineResponse<M>>

export type JobsOf<M extends EngineMethod> = { [K in M]: Job<K> }

export function cancelled(): AppError {
  return new AppError('cancelled', 'The work was cancelled.')
}

/** Between two steps of long work. */
export function throwIfCancelled(signal: AbortSignal): void {
  if (signal.aborted) throw cancelled()
}
