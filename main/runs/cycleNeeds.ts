// What a compression in cycles asks of a net beyond training, told before hours of it rather than after.

import { AppError } from '../net/errors'
import type { LayerOf, NetGraph } from '../net/graph'
import type { CycleSettings } from '../olmp/cycleSettings'

/** Throws AppError 'no-objective', 'no-teacher'. */
export function requireCycles(train: NetGraph, test: NetGraph, settings: CycleSettings): void {
  const scores = mainScores(train)
  if (settings.distillation === null) return
  const [shown, tested] = [train, test].map(imageShape)
  const hint = 'compress without augmentation and teacher (--no-augmentation)'
  if (shown !== tested) {
    throw new AppError(
      'no-teacher',
      `training images are ${shown} and test images ${tested}: the test net cannot teach`,
      { ...test.layers[0]?.at, hint },
    )
  }
  if (test.layers.some(({ tops }) => tops.includes(scores))) return
  throw new AppError('no-teacher', `the test net has no blob '${scores}' whose values could teach`, {
    ...test.layers[0]?.at,
    hint,
  })
}

/** Of the loss with the largest weight, as the engine takes it. */
function mainScores(train: NetGraph): string {
  const judged = train.layers.filter(
    (layer): layer is LayerOf<'SoftmaxWithLoss'> => layer.type === 'SoftmaxWithLoss',
  )
  const weightOf = ({ loss_weights: [weight] }: LayerOf<'SoftmaxWithLoss'>): number => Math.abs(weight)
  const largest = Math.max(...judged.map(weightOf))
  const main = judged.findLast((layer) => weightOf(layer) === largest)
  if (main !== undefined && largest > 0) return main.bottoms[0]
  throw new AppError(
    'no-objective',
    'the net has no SoftmaxWithLoss layer, by which its weights could be scored',
    {
      file: train.layers[0]?.at?.file,
      hint: 'give it one, or choose a preset that needs none: olmp-ncs-corrected',
    },
  )
}

/** (C x H x W) */
function imageShape(graph: NetGraph): string {
  const data = graph.layers.find(({ type }) => type === 'Data')
  return data?.top_shapes[0].slice(1).join(' x ') ?? ''
}
