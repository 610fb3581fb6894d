import type { Rule } from './context'
import { convolutionRules } from './convolution'
import { learnableRules } from './learnable'
import { lossRules } from './losses'
import { neuronRules } from './neuron'
import { shapeRules } from './shapes'
import { sourceRules } from './sources'
import { visionRules } from './vision'

/** By Caffe's type name, those of the pruning forks included. */
export const layerRules: ReadonlyMap<string, Rule> = new Map(
  Object.entries({
    ...sourceRules,
    ...convolutionRules,
    ...learnableRules,
    ...visionRules,
    ...neuronRules,
    ...shapeRules,
    ...lossRules,
  }),
)
