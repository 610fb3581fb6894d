// Rates, names and sharing of a layer's parameters (Net::AppendParam).

import { AppError } from '../../net/errors'
import { count, type Layer, type Parameter, type Shape } from '../../net/graph'
import type { LayerMessage } from '../messages'
import { locate } from '../textTree'
import { shapeText, type LayerContext, type ParameterDraft } from './context'

/** Parameters of one layer with their specs applied. */
export function resolveParameters(
  context: LayerContext,
  drafts: ParameterDraft[],
  masked: boolean,
): Parameter[] {
  const specs = context.layer.param ?? []
  // a masked layer's masks are blobs of its own in the forks, and may have specs too
  const allowed = masked ? 2 * drafts.length : drafts.length
  if (specs.length > allowed) {
    context.fail('bad-value', `${specs.length} 'param' for ${drafts.length} parameter blobs`, 'param')
  }
  return drafts.map((draft, i) => ({
    name: specs[i]?.name ?? '',
    shape: context.checkShape(draft.shape, `parameter ${i}`),
    lr_mult: draft.fixedLrMult ?? specs[i]?.lr_mult ?? 1,
    decay_mult: specs[i]?.decay_mult ?? 1,
    filler: draft.filler,
  }))
}

interface Shared {
  layer: string
  shape: Shape
  lr_mult?: number
  decay_mult?: number
  users: Parameter[]
}

/** Parameters of one name are one parameter: their shapes must agree, and whoever states a rate states it for all. */
export function resolveSharing(layers: { layer: Layer; message: LayerMessage }[]): void {
  const shared = new Map<string, Shared>()
  for (const { layer, message } of layers) {
    layer.parameters.forEach((parameter, i) => {
      if (parameter.name === '') return
      const spec = message.param?.[i] ?? {}
      const owner = shared.get(parameter.name)
      if (owner === undefined) {
        const { lr_mult, decay_mult } = spec
        shared.set(parameter.name, {
          layer: layer.name,
          shape: parameter.shape,
          lr_mult,
          decay_mult,
          users: [parameter],
        })
        return
      }
      const fail = (problem: string): never => {
        const message_ = `layer '${layer.name}': parameter '${parameter.name}' is shared with layer '${owner.layer}'`
        throw new AppError('shared-parameter', `${message_}, but ${problem}`, {
          ...locate(message.text, 'param'),
        })
      }
      const sameShape = shapeText(owner.shape) === shapeText(parameter.shape)
      const sameCount = spec.share_mode === 'PERMISSIVE' && count(owner.shape) === count(parameter.shape)
      if (!sameShape && !sameCount)
        fail(`is ${shapeText(parameter.shape)} here and ${shapeText(owner.shape)} there`)
      for (const key of ['lr_mult', 'decay_mult'] as const) {
        if (spec[key] === undefined) continue
        if (owner[key] !== undefined && owner[key] !== spec[key]) {
          fail(`has ${key} ${spec[key]} here and ${owner[key]} there`)
        }
        owner[key] = spec[key]
      }
      owner.users.push(parameter)
    })
  }
  for (const owner of shared.values()) {
    for (const user of owner.users) {
      user.lr_mult = owner.lr_mult ?? user.lr_mult
      user.decay_mult = owner.decay_mult ?? user.decay_mult
    }
  }
}
