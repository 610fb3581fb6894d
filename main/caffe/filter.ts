// Which layers are in a net: Caffe's NetState against each layer's include and exclude rules (Net::FilterNet).

import { AppError } from '../net/errors'
import type { Phase } from '../net/graph'
import type { LayerMessage, StateRuleMessage } from './messages'
import { locate } from './textTree'

export interface NetState {
  phase: Phase
  level: number
  stages: string[]
}

/** Net::StateMeetsRule. */
export function meetsRule(state: NetState, rule: StateRuleMessage): boolean {
  if (rule.phase !== undefined && rule.phase !== state.phase) return false
  if (rule.min_level !== undefined && state.level < rule.min_level) return false
  if (rule.max_level !== undefined && state.level > rule.max_level) return false
  if (rule.stage?.some((stage) => !state.stages.includes(stage))) return false
  return !rule.not_stage?.some((stage) => state.stages.includes(stage))
}

/** Whether the layer is part of the net in this state. Throws AppError where it has both kinds of rules. */
export function isIncluded(layer: LayerMessage, state: NetState): boolean {
  const include = layer.include ?? []
  const exclude = layer.exclude ?? []
  if (include.length > 0 && exclude.length > 0) {
    const message = `layer '${layer.name ?? ''}' has both include and exclude rules; Caffe takes one kind`
    throw new AppError('bad-rule', message, { ...locate(layer.text, 'exclude') })
  }
  if (include.length > 0) return include.some((rule) => meetsRule(state, rule))
  return !exclude.some((rule) => meetsRule(state, rule))
}
