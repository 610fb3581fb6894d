// Runs that wait for the engine.

import type { RunSummary } from '../../main/projects/types'
import { boolean, integer, nothing, object, type Schema } from '../schema'
import { runAddress } from './common'

export const queueRequests = {
  'queue:list': nothing,
  /** `index` among those that wait, from 0. */
  'queue:move': object({ address: runAddress, index: integer(0, 100_000) }),
  /** Out of the queue: a run never begun is stopped then, one that was paused is paused again. */
  'queue:remove': object({ address: runAddress }),
  /** While it is held nothing waiting is begun; letting it go begins the first. */
  'queue:hold': object({ held: boolean }),
} satisfies Record<string, Schema<unknown>>

export interface QueueResponses {
  'queue:list': QueueList
  'queue:move': void
  'queue:remove': void
  'queue:hold': void
}

export interface QueueEvents {
  'queue:changed': void
}
export const queueEvents = ['queue:changed'] as const

export interface QueueList {
  /** The run that has the engine first, if there is one; then those that wait, in their order. */
  entries: RunSummary[]
  /** Also after a restart of the app with runs waiting, until the user lets them go on. */
  held: boolean
}
