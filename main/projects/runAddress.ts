import type { EngineStatus } from '../../preload/contract'

/** Which run of which project. */
export interface RunAddress {
  projectId: string
  runId: string
}

export function isRunning(status: EngineStatus, { projectId, runId }: RunAddress): boolean {
  return status.state === 'running' && status.projectId === projectId && status.runId === runId
}
