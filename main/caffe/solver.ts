// Caffe's solver files: SolverParameter, upgraded and with defaults resolved.

import { AppError } from '../net/errors'
import type { SolverSpec } from '../net/graph'
import type { Note } from './build/context'
import type { NetMessage, NetStateMessage, SolverMessage } from './messages'
import { parseSolverMessage } from './prototxt'
import { didYouMean } from './suggest'
import { locate } from './textTree'

export interface SolverFile {
  file: string
  spec: SolverSpec
  /** The net named for training, as stated; null where it is inline or missing. */
  net: string | null
  /** The first net named for testing, where it is another one. */
  testNet: string | null
  inlineNet: NetMessage | null
  inlineTestNet: NetMessage | null
  trainState: NetStateMessage
  /** State of the first test net. */
  testState: NetStateMessage
  /** Weights to start from, as stated (`weights:`). */
  weights: string[]
  snapshotPrefix: string
  notes: Note[]
}

const solverTypes = ['SGD', 'Nesterov', 'AdaGrad', 'RMSProp', 'AdaDelta', 'Adam'] as const
const learningRatePolicies = ['fixed', 'step', 'exp', 'inv', 'multistep', 'poly', 'sigmoid'] as const
const regularizations = ['L1', 'L2'] as const

/** SolverParameter_SolverType -> type (UpgradeSolverType of upgrade_proto.cpp). */
const legacySolverTypes = {
  SGD: 'SGD',
  NESTEROV: 'Nesterov',
  ADAGRAD: 'AdaGrad',
  RMSPROP: 'RMSProp',
  ADADELTA: 'AdaDelta',
  ADAM: 'Adam',
} as const

function choose<T extends string>(
  message: SolverMessage,
  field: 'type' | 'lr_policy' | 'regularization_type',
  known: readonly T[],
  byDefault: T,
): T {
  const written = message[field]
  if (written === undefined) return byDefault
  const choice = known.find((name) => name === written)
  if (choice !== undefined) return choice
  throw new AppError('bad-value', `there is no ${field} '${written}'; known are ${known.join(', ')}`, {
    ...locate(message.text, field),
    hint: didYouMean(written, known),
  })
}

function solverType(message: SolverMessage): SolverSpec['type'] {
  if (message.solver_type === undefined) return choose(message, 'type', solverTypes, 'SGD')
  if (message.type !== undefined) {
    const text = `'solver_type' and 'type' are both given; Caffe takes one of them`
    throw new AppError('bad-value', text, { ...locate(message.text, 'solver_type') })
  }
  return legacySolverTypes[message.solver_type]
}

function requirePositive(
  message: SolverMessage,
  field: 'base_lr' | 'stepsize' | 'iter_size',
  value: number,
): void {
  if (value > 0) return
  const problem = message[field] === undefined ? `'${field}' is missing` : `'${field}' must be above 0`
  throw new AppError('bad-value', problem, { ...locate(message.text, field) })
}

function resolveSpec(message: SolverMessage, notes: Note[]): SolverSpec {
  if (message.lr_policy === undefined) {
    const { file, line } = locate(message.text, 'lr_policy') ?? {}
    notes.push({ level: 'warning', message: `no 'lr_policy' is given; 'fixed' is assumed`, file, line })
  }
  const spec: SolverSpec = {
    type: solverType(message),
    base_lr: message.base_lr ?? 0,
    lr_policy: choose(message, 'lr_policy', learningRatePolicies, 'fixed'),
    gamma: message.gamma ?? 0,
    power: message.power ?? 0,
    stepsize: message.stepsize ?? 0,
    stepvalue: message.stepvalue ?? [],
    max_iter: message.max_iter ?? 0,
    momentum: message.momentum ?? 0,
    momentum2: message.momentum2 ?? 0.999,
    rms_decay: message.rms_decay ?? 0.99,
    delta: message.delta ?? 1e-8,
    weight_decay: message.weight_decay ?? 0,
    regularization_type: choose(message, 'regularization_type', regularizations, 'L2'),
    clip_gradients: message.clip_gradients ?? -1,
    iter_size: message.iter_size ?? 1,
    test_iter: message.test_iter?.[0] ?? 0,
    test_interval: message.test_interval ?? 0,
    display: message.display ?? 0,
    average_loss: message.average_loss ?? 1,
    random_seed: message.random_seed ?? -1,
  }
  requirePositive(message, 'base_lr', spec.base_lr)
  requirePositive(message, 'iter_size', spec.iter_size)
  if (spec.lr_policy === 'step') requirePositive(message, 'stepsize', spec.stepsize)
  return spec
}

/** Parses a solver prototxt. Throws AppError: parseNet's codes, and 'bad-value' for what Caffe's solvers refuse. */
export function parseSolver(text: string, file: string): SolverFile {
  const message = parseSolverMessage(text, file)
  const notes: Note[] = []
  return {
    file,
    spec: resolveSpec(message, notes),
    net: message.train_net ?? message.net ?? null,
    testNet: message.test_net?.[0] ?? null,
    inlineNet: message.train_net_param ?? message.net_param ?? null,
    inlineTestNet: message.test_net_param?.[0] ?? null,
    trainState: message.train_state ?? {},
    testState: message.test_state?.[0] ?? {},
    weights: (message.weights ?? []).flatMap((list) => list.split(',')).filter((name) => name !== ''),
    snapshotPrefix: message.snapshot_prefix ?? '',
    notes,
  }
}
