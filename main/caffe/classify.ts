// What a prototxt is, by its content: a solver, a net to train, a net to deploy.

import { AppError } from '../net/errors'
import type { Note } from './build/context'
import { dataStatement } from './build/sources'
import type { NetMessage } from './messages'
import { parseNet, readPrototxtFile } from './prototxt'
import { parseSolver, type SolverFile } from './solver'
import { readTextTree } from './textTree'
import { upgradeNet } from './upgrade'

export interface NetFile {
  file: string
  /** Upgraded. */
  net: NetMessage
  hasData: boolean
  hasLoss: boolean
  /** Neither data layers nor losses: a net to run, not to train. */
  isDeploy: boolean
}

export interface ClassifiedFiles {
  nets: NetFile[]
  solvers: SolverFile[]
  notes: Note[]
}

const solverFields = new Set([
  'net',
  'train_net',
  'base_lr',
  'lr_policy',
  'max_iter',
  'test_iter',
  'snapshot_prefix',
])
const netFields = new Set(['layer', 'layers', 'input', 'input_shape', 'input_dim'])

export function describeNet(file: string, parsed: NetMessage): NetFile {
  const net = upgradeNet(parsed)
  const layers = net.layer ?? []
  const hasData = layers.some((layer) => dataStatement(layer) !== undefined)
  const hasLoss = layers.some((layer) => layer.type?.endsWith('Loss') === true)
  return { file, net, hasData, hasLoss, isDeploy: !hasData && !hasLoss }
}

/** Reads one prototxt of unknown kind. Throws AppError, 'not-caffe' where it is neither net nor solver. */
export function readPrototxt(file: string): { net: NetFile } | { solver: SolverFile } {
  const text = readPrototxtFile(file)
  const names = readTextTree(text.replace(/^\uFEFF/, ''), file).fields.map(({ name }) => name)
  if (names.some((name) => netFields.has(name))) return { net: describeNet(file, parseNet(text, file)) }
  if (names.some((name) => solverFields.has(name))) return { solver: parseSolver(text, file) }
  throw new AppError('not-caffe', 'this is neither a Caffe net nor a solver', { file })
}

/** All prototxt files of a folder; what cannot be read becomes a note. */
export function classify(files: string[]): ClassifiedFiles {
  const result: ClassifiedFiles = { nets: [], solvers: [], notes: [] }
  for (const file of files) {
    try {
      const read = readPrototxt(file)
      if ('net' in read) result.nets.push(read.net)
      else result.solvers.push(read.solver)
    } catch (error) {
      if (!(error instanceof AppError)) throw error
      const hint = error.hint === undefined ? '' : ` (${error.hint})`
      const message = `not used: ${error.message}${hint}`
      result.notes.push({ level: 'warning', message, file: error.file, line: error.line })
    }
  }
  return result
}
