// Parameters that training forward moves and no gradient does.

import type { OpenedModel } from './openModel'

/** BatchNorm's means, variances and their weight, where they move: indices of the session's parameters. */
export function runningStatistics({ train, session }: OpenedModel): number[] {
  const moving = (train?.layers ?? []).filter(
    (layer) => layer.type === 'BatchNorm' && !layer.params.use_global_stats,
  )
  const names = new Set(moving.map(({ name }) => name))
  return session.parameters.flatMap(({ layer }, index) => (names.has(layer) ? [index] : []))
}
