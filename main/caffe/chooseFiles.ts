// Which solver, net, deploy net, solver state and mean image of a folder belong together. Each choice has its reason.

import { basename } from 'node:path'
import { AppError } from '../net/errors'
import type { NetGraph } from '../net/graph'
import { readSolverState, releaseWeights } from './caffemodel'
import { describeNet, readPrototxt, type ClassifiedFiles, type NetFile } from './classify'
import { locate, type FolderContents } from './folderScan'
import type { FileChoice, Note } from './model'
import type { SolverFile } from './solver'
import { matchHistory, parametersOf } from './weights'

export interface Chosen<T> {
  value: T | null
  choice: FileChoice
}

function ranked<T>(
  candidates: { value: T; file: string; score: number; reason: string }[],
  least = Number.NEGATIVE_INFINITY,
): Chosen<T> {
  const sorted = [...candidates].sort((a, b) => b.score - a.score || a.file.localeCompare(b.file))
  const best = sorted.find(({ score }) => score > least)
  return {
    value: best?.value ?? null,
    choice: { chosen: best?.file ?? null, candidates: sorted.map(({ file, reason }) => ({ file, reason })) },
  }
}

function letters(path: string): string {
  return path.toLowerCase().replace(/[^a-z0-9]/g, '')
}

/** The net file a solver names: there, or of that name in the folder, or of a name that is its path in one piece
 *  (models_lenet_train_val.prototxt for models/lenet/train_val.prototxt). */
function namedNet(solver: SolverFile, contents: FolderContents): string | null {
  const stated = solver.net
  if (stated === null) return null
  const found = locate(stated, 'file', solver.file, contents)
  return found ?? contents.prototxts.find((file) => letters(basename(file)) === letters(stated)) ?? null
}

export function chooseSolver(
  asked: string | undefined,
  files: ClassifiedFiles,
  contents: FolderContents,
  netFile: string | undefined,
): Chosen<SolverFile> {
  if (asked !== undefined) {
    const read = readPrototxt(asked)
    if (!('solver' in read)) throw new AppError('not-caffe', 'this is a net, not a solver', { file: asked })
    return {
      value: read.solver,
      choice: { chosen: asked, candidates: [{ file: asked, reason: 'asked for' }] },
    }
  }
  const trainable = files.nets.filter(({ isDeploy }) => !isDeploy).length
  return ranked(
    files.solvers.map((solver) => {
      const net = namedNet(solver, contents)
      const names = net === null ? `names ${solver.net ?? 'an inline net'}` : `names ${basename(net)}`
      const wanted = netFile !== undefined && net === netFile
      const found = net !== null || solver.inlineNet !== null
      // among solvers of one net, the one that trains longest is the whole schedule
      const length = Math.min(0.9, solver.spec.max_iter / 1e9)
      const missing = found ? '' : ', which is not in the folder'
      return {
        value: solver,
        file: solver.file,
        // files get renamed: a solver of a missing net is taken where there is no choice of nets
        score: (wanted ? 10 : 0) + (found ? 1 : trainable > 1 ? -1 : 0) + length,
        reason: `${names}${missing}; ${solver.spec.max_iter} iterations`,
      }
    }),
    -0.5,
  )
}

function knownFraction(net: NetFile, weightLayers: ReadonlySet<string>): number {
  const layers = net.net.layer ?? []
  return layers.filter(({ name }) => weightLayers.has(name ?? '')).length / Math.max(1, layers.length)
}

function kindText(net: NetFile): string {
  if (net.isDeploy) return 'no data layers and no loss: for deployment'
  return `${net.hasData ? 'data layers' : 'no data layers'}, ${net.hasLoss ? 'a loss' : 'no loss'}`
}

/** The net to train. The solver's word counts most, then how many of its layers the weights know. */
export function chooseNet(
  asked: string | undefined,
  files: ClassifiedFiles,
  solver: SolverFile | null,
  contents: FolderContents,
  weightLayers: ReadonlySet<string>,
): Chosen<NetFile> {
  if (asked !== undefined) {
    const read = readPrototxt(asked)
    if (!('net' in read)) throw new AppError('not-caffe', 'this is a solver, not a net', { file: asked })
    return { value: read.net, choice: { chosen: asked, candidates: [{ file: asked, reason: 'asked for' }] } }
  }
  const named = solver === null ? null : namedNet(solver, contents)
  if (named === null && solver?.inlineNet) {
    const net = describeNet(solver.file, solver.inlineNet)
    return {
      value: net,
      choice: { chosen: solver.file, candidates: [{ file: solver.file, reason: 'inside the solver' }] },
    }
  }
  return ranked(
    files.nets.map((net) => ({
      value: net,
      file: net.file,
      score:
        (net.file === named ? 10 : 0) +
        (net.isDeploy ? 0 : 1) +
        (net.hasData && net.hasLoss ? 1 : 0) +
        0.9 * knownFraction(net, weightLayers),
      reason:
        net.file === named ? `named by ${basename(solver?.file ?? '')}; ${kindText(net)}` : kindText(net),
    })),
    // a net without data and loss stays below
    0.95,
  )
}

/** Names and parameter shapes of the layers that have parameters. */
function parameterLayers(graph: NetGraph): Map<string, string> {
  return new Map(
    graph.layers
      .filter(({ parameters }) => parameters.length > 0)
      .map(({ name, parameters }) => [name, JSON.stringify(parameters.map(({ shape }) => shape))]),
  )
}

export interface DeployCandidate {
  net: NetFile
  /** Null where it cannot be built. */
  graph: NetGraph | null
}

/** The deploy net of the trained one: whose every layer with parameters is in it, with the same shapes. Any that can be
 *  built where there is nothing to train. */
export function chooseDeploy(deploys: DeployCandidate[], train: NetGraph | null): Chosen<DeployCandidate> {
  const trained = train === null ? null : parameterLayers(train)
  return ranked(
    deploys.map((value) => {
      const { file } = value.net
      if (value.graph === null) return { value, file, score: -1, reason: 'cannot be built' }
      if (trained === null) return { value, file, score: 1, reason: kindText(value.net) }
      const own = [...parameterLayers(value.graph)]
      const same = own.filter(([name, shapes]) => trained.get(name) === shapes).length
      const reason = `${same} of its ${own.length} layers with parameters are in the training net`
      return { value, file, score: own.length > 0 && same === own.length ? same : 0, reason }
    }),
    0,
  )
}

/** The state that continues the chosen weights. */
export async function chooseSolverState(
  states: string[],
  weightsFile: string | null,
  train: NetGraph | null,
): Promise<{ choice: FileChoice; notes: Note[] }> {
  const notes: Note[] = []
  const candidates: { value: string; file: string; score: number; reason: string }[] = []
  for (const file of states) {
    try {
      const state = await readSolverState(file)
      try {
        const learned = basename(state.learnedNet)
        // written beside each other under one prefix
        const twin =
          file.replace(/\.solverstate(\.h5)?$/, '') === weightsFile?.replace(/\.caffemodel(\.h5)?$/, '')
        const belongs = weightsFile !== null && (learned === basename(weightsFile) || twin)
        if (train !== null) matchHistory(state, parametersOf([train]))
        const owner = `iteration ${state.iter}, of ${learned === '' ? 'unnamed weights' : learned}`
        candidates.push({ value: file, file, score: belongs ? 1 : 0, reason: owner })
      } finally {
        releaseWeights(state)
      }
    } catch (error) {
      if (!(error instanceof AppError)) throw error
      candidates.push({ value: file, file, score: -1, reason: error.message })
      notes.push({ level: 'info', message: `not used: ${error.message}`, file })
    }
  }
  return { choice: ranked(candidates, 0).choice, notes }
}

/** The mean image that the data layers name. */
export function chooseMean(contents: FolderContents, graphs: NetGraph[]): FileChoice {
  const used = graphs.flatMap(({ layers }) =>
    layers.flatMap((layer) => (layer.type === 'Data' ? [layer.params.transform.mean_file] : [])),
  )
  const files = [...new Set([...used.filter((file) => file !== ''), ...contents.means])]
  return ranked(
    files.map((file) => ({
      value: file,
      file,
      score: used.includes(file) ? 1 : 0,
      reason: used.includes(file) ? 'named by a data layer' : 'no data layer names it',
    })),
    0,
  ).choice
}

export function modelName(net: NetFile | null, graph: NetGraph | null, folder: string): string {
  return graph?.name || net?.net.name || basename(folder)
}
