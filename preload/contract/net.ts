// The net of a project: its graph, its layers' weights and masks, its sensitivity.

import type { ErrorRecord } from '../../main/net/errors'
import type { LayerWeights, SensitivityState, ShownNet } from '../../main/projects/netTypes'
import { id, integer, number, object, oneOf, optional, type Schema, string } from '../schema'
import { projectAddress } from './common'

const layerName = string(1000)

export const netRequests = {
  /** Without a phase: the first there is. */
  'net:graph': object({ projectId: id, phase: optional(oneOf('TRAIN', 'TEST', 'DEPLOY')) }),
  /** Of the reference model, or of a run's checkpoint (the newest where none is named). */
  'net:layer-weights': object({
    projectId: id,
    layer: layerName,
    runId: optional(id),
    checkpoint: optional(string(40)),
    /** Of the reference model: what this crate would leave of the layer. */
    rate: optional(number(-1000, 1000)),
  }),
  'sensitivity:get': projectAddress,
  /** `images`: at least so many of the test set, or as many as there are. */
  'sensitivity:measure': object({ projectId: id, images: integer(1, 100_000_000) }),
  'sensitivity:cancel': projectAddress,
} satisfies Record<string, Schema<unknown>>

export interface NetResponses {
  'net:graph': ShownNet
  'net:layer-weights': LayerWeights
  'sensitivity:get': SensitivityState
  'sensitivity:measure': SensitivityState
  'sensitivity:cancel': void
}

export interface NetEvents {
  'sensitivity:changed': SensitivityState
  'sensitivity:failed': { projectId: string; error: ErrorRecord }
}
export const netEvents = ['sensitivity:changed', 'sensitivity:failed'] as const

export type {
  Filler,
  Layer as NetLayer,
  LayerType,
  NetGraph,
  Parameter as NetParameter,
} from '../../main/net/graph'
export type * from '../../main/projects/netTypes'
