// The solver's learning rate in the terms of the cycles, which train by SGD with momentum 0.9, one batch to an update.

import type { SolverSpec } from '../net/graph'

/** Of the cycles. */
export const MOMENTUM = 0.9

/** Solvers that scale their steps by past gradients have rates of another kind; this one is LeNet's and CaffeNet's. */
const USUAL_RATE = 0.01

/** What moves the weights as far in the long run: a step counts 1 / (1 - momentum) times. */
export function comparableRate({
  type,
  base_lr,
  momentum,
  iter_size,
}: Pick<SolverSpec, 'type' | 'base_lr' | 'momentum' | 'iter_size'>): number {
  if (type !== 'SGD' && type !== 'Nesterov') return USUAL_RATE
  return (base_lr * (1 - MOMENTUM)) / (1 - Math.min(momentum, 0.99)) / iter_size
}
