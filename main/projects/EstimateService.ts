// What a run of a project would take, measured by the engine; kept as long as the app runs.

import type { EngineProcess } from '../engine/EngineProcess'
import type { RunCosts } from './estimate'
import type { ProjectStore } from './ProjectStore'

export interface CostsRequest {
  projectId: string
  device: 'cpu' | 'cuda'
  tf32?: boolean
  threads: number
}

export interface EstimateServiceOptions {
  engine: Pick<EngineProcess, 'request'>
  store: Pick<ProjectStore, 'open'>
}

export class EstimateService {
  private readonly known = new Map<string, RunCosts>()
  private current: AbortController | null = null

  constructor(private readonly options: EstimateServiceOptions) {}

  /** Ends the measurement under way, which nobody waits for any more. */
  async costs({ projectId, device, tf32, threads }: CostsRequest): Promise<RunCosts> {
    const { engine, store } = this.options
    const { source } = (await store.open(projectId)).report
    const key = JSON.stringify([source, device, tf32 === true, threads])
    const known = this.known.get(key)
    if (known !== undefined) return known
    this.current?.abort()
    const stopper = new AbortController()
    this.current = stopper
    const costs = await engine.request(
      'runCosts',
      { source, device, tf32, threads },
      undefined,
      stopper.signal,
    )
    // Beside a run everything is slower: to be measured again when it is over.
    if (!costs.besideRun) this.known.set(key, costs)
    return costs
  }
}
