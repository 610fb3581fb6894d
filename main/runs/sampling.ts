// How a run's settings change what the model's folder says: its data and its solver.

import type { LayerOf, NetGraph, Sampling, SolverSpec } from '../net/graph'
import type { CycleSettings } from '../olmp/cycleSettings'
import { heldOut } from '../olmp/heldOut'
import { isCycles, rateEncodingOf, type RunSettings } from '../olmp/runSettings'
import { MOMENTUM } from '../olmp/solverRate'
import type { OpenOptions } from './openModel'

/** What openModel needs to know of a run's settings. */
export function settingsOptions(
  settings: RunSettings,
): Pick<OpenOptions, 'seed' | 'rateEncoding' | 'solver' | 'sampling'> {
  const { seed } = settings
  if (!isCycles(settings)) return { seed, rateEncoding: rateEncodingOf(settings) }
  return {
    seed,
    rateEncoding: 'exact',
    solver: CYCLES_SOLVER,
    sampling: (images) => trainingSampling(settings, images),
  }
}

/** The cycles give rates and weight decay themselves; masked weights and other rules do not go together. */
const CYCLES_SOLVER: Partial<SolverSpec> = {
  type: 'SGD',
  momentum: MOMENTUM,
  regularization_type: 'L2',
  iter_size: 1,
}

function trainingSampling({ goal, augmentation, seed }: CycleSettings, images: number): Sampling {
  return {
    held: goal.kind === 'accuracy' ? heldOut(goal.validationImages, images) : 0,
    part: 'rest',
    shuffle: true,
    augmentation,
    seed,
  }
}

/** The graph with its Data layer sampled. */
export function sampled(graph: NetGraph, sampling: Sampling): NetGraph {
  return withData(graph, { sampling })
}

/** The graph with other parameters of its Data layers. */
export function withData(graph: NetGraph, change: Partial<LayerOf<'Data'>['params']>): NetGraph {
  const layers = graph.layers.map((layer) =>
    layer.type === 'Data' ? { ...layer, params: { ...layer.params, ...change } } : layer,
  )
  return { ...graph, layers }
}
