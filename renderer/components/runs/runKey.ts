import type { RunAddress, RunSummary } from '../../../preload/contract'

/** Run ids are unique within a project only. */
export const runKey = ({ projectId, runId }: RunAddress): string => `${projectId}/${runId}`

export const addressOf = ({ projectId, id }: RunSummary): RunAddress => ({ projectId, runId: id })

export const keyOf = (run: RunSummary): string => runKey(addressOf(run))
