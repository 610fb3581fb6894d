// The engine's parameters as the exporters want them.

import type { Session } from '../engine/binding'
import { AppError } from '../net/errors'
import type { WeightReader } from './LayerContext'

type ParameterAccess = Pick<Session, 'parameters' | 'getParameter'>

/** Masks of the prunable layers by layer and blob index; undefined where a blob has none. */
export type MaskReader = (layer: string, slot: number) => Promise<Float32Array | undefined>

/** value * mask, with exact zeros where the mask is zero. */
export function maskedWeights(session: ParameterAccess): WeightReader {
  const values = rawWeights(session)
  const masks = weightMasks(session)
  return async (layer, slot) => {
    const blob = await values(layer, slot)
    const mask = await masks(layer, slot)
    return mask === undefined ? blob : blob.map((value, i) => (mask[i] === 0 ? 0 : value))
  }
}

/** Values as trained, pruned ones included. */
export function rawWeights(session: ParameterAccess): WeightReader {
  return (layer, slot) => session.getParameter(parameterIndex(session, layer, slot), 'value')
}

export function weightMasks(session: ParameterAccess): MaskReader {
  return async (layer, slot) => {
    const index = parameterIndex(session, layer, slot)
    return session.parameters[index].prunable < 0 ? undefined : session.getParameter(index, 'mask')
  }
}

function parameterIndex(session: ParameterAccess, layer: string, slot: number): number {
  const index = session.parameters.findIndex(
    (parameter) => parameter.layer === layer && parameter.slot === slot,
  )
  if (index >= 0) return index
  throw new AppError('unknown-parameter', `the engine has no blob ${slot} of layer '${layer}'`, {
    hint: 'export the deploy form of the net that was trained',
  })
}
