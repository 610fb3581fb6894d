// A folder of Caffe files to one model: which files belong together, the nets of both phases, the weights, the data.

import { resolve } from 'node:path'
import { AppError } from '../net/errors'
import type { NetGraph, Phase } from '../net/graph'
import { outputs } from '../net/analysis'
import { deriveDeploy } from '../net/deploy'
import type { ModelSource } from '../runs/types'
import { buildGraph } from './build/buildGraph'
import type { BuildOptions } from './build/context'
import { readWeights, releaseWeights } from './caffemodel'
import {
  chooseDeploy,
  chooseMean,
  chooseNet,
  chooseSolver,
  chooseSolverState,
  modelName,
} from './chooseFiles'
import { chooseWeights } from './chooseWeights'
import { classify, type NetFile } from './classify'
import { isIncluded, type NetState } from './filter'
import { locate, scanFolder, type FolderContents } from './folderScan'
import { locateData, type DataAccess } from './locateData'
import type { ImportedData, ImportedModel, Note, WeightFile } from './model'
import type { DatumShape, ShapeEvidence } from './dataShape'
import {
  checkMeans,
  checkPhasesAgree,
  deployInput,
  inferShapes,
  netState,
  phaseBuildOptions,
  withStage,
} from './phases'
import type { SolverFile } from './solver'
import { matchWeights, parametersOf } from './weights'

export interface ImportOptions extends DataAccess {
  /** Where weights that cannot be read in place are unpacked; see releaseWeights(). */
  cacheFolder?: string
  onProgress?: (text: string, fraction: number) => void
  /** Batch size of the TEST net, from the one stated and the entries of its dataset; absent: as stated. */
  testBatchSize?: (stated: number, entries: number) => number
}

interface PhasePlan {
  net: NetFile
  state: NetState
  build: BuildOptions
  data: ImportedData[]
}

/** Both phases often say the same of one layer. */
function withoutRepeats(notes: Note[]): Note[] {
  return [...new Map(notes.map((note) => [JSON.stringify(note), note])).values()]
}

class Importer {
  readonly notes: Note[] = []
  private readonly contents: FolderContents

  constructor(
    private readonly source: ModelSource,
    private readonly options: ImportOptions,
  ) {
    this.contents = scanFolder(resolve(source.folder))
    if (this.contents.incomplete) {
      const message = 'this folder holds more files than were looked at; choose the folder of one model'
      this.notes.push({ level: 'warning', message, file: this.contents.folder })
    }
  }

  private progress(text: string, fraction: number): void {
    this.options.onProgress?.(text, fraction)
  }

  /** The graph of one phase, or null with a note where its data shape is unknown or the phase has no layers. */
  private graph(net: NetFile, build: BuildOptions, must: boolean): NetGraph | null {
    const notes: Note[] = []
    try {
      const graph = buildGraph(net.net, { ...build, note: (note) => notes.push(note) })
      this.notes.push(...notes)
      return graph
    } catch (error) {
      if (!(error instanceof AppError) || (must && error.code !== 'unknown-data-shape')) throw error
      const hint = error.hint === undefined ? '' : ` (${error.hint})`
      const message = `no ${build.phase} net: ${error.message}${hint}`
      this.notes.push({ level: 'warning', message, file: error.file, line: error.line })
      return null
    }
  }

  /** The net of a phase with its data shaped as far as anything tells, for comparison with weights. */
  private async trialGraph(
    phase: PhasePlan | undefined,
    evidence: Omit<ShapeEvidence, 'mean'>,
  ): Promise<NetGraph | null> {
    if (phase === undefined) return null
    const trial = { ...phase.build, dataShapes: { ...phase.build.dataShapes } }
    try {
      await inferShapes(phase.net, phase.state, trial, evidence)
      return buildGraph(phase.net.net, trial)
    } catch (error) {
      if (error instanceof AppError) return null
      throw error
    }
  }

  private async weightsFor(phase: PhasePlan | undefined, input: DatumShape | null) {
    const asked = this.source.weights
    const files = asked === undefined ? this.contents.weights : [resolve(asked)]
    const { onProgress } = this.options
    const read = {
      cacheFolder: this.options.cacheFolder,
      onProgress:
        onProgress && ((bytes: number, total: number) => onProgress('weights', 0.4 + (0.3 * bytes) / total)),
    }
    const chosen = await chooseWeights(
      files,
      (weights) => this.trialGraph(phase, { deployInput: input, weights }),
      read,
    )
    if (asked !== undefined && chosen.weights === null) {
      throw new AppError('shape-mismatch', chosen.choice.candidates[0]?.reason ?? 'cannot be read', {
        file: asked,
        hint: 'these weights do not fit the net',
      })
    }
    this.notes.push(...chosen.notes)
    return chosen
  }

  private warnAboutWeights(weights: WeightFile | null, graphs: NetGraph[]): void {
    if (weights === null) {
      const message =
        this.contents.weights.length === 0
          ? 'there are no weights (.caffemodel) in this folder'
          : 'no weights'
      this.notes.push({ level: 'warning', message, file: this.contents.folder })
    } else if (graphs.length > 0) {
      this.notes.push(...matchWeights(weights, parametersOf(graphs), graphs).notes)
    }
  }

  private deployPhase(net: NetFile): PhasePlan {
    const state = netState('TEST', {})
    return { net, state, build: phaseBuildOptions(net, state, [], this.contents), data: [] }
  }

  private deployGraph(net: NetFile): NetGraph | null {
    return this.graph(net, this.deployPhase(net).build, false)
  }

  /** Names of the layers that the folder's weights have; needed only where there are several nets to choose from. */
  private async weightLayers(nets: NetFile[]): Promise<Set<string>> {
    const names = new Set<string>()
    if (nets.filter(({ isDeploy }) => !isDeploy).length < 2) return names
    for (const file of this.contents.weights) {
      try {
        const weights = await readWeights(file, { cacheFolder: this.options.cacheFolder })
        releaseWeights(weights)
        for (const { name, blobs } of weights.layers) if (blobs.length > 0) names.add(name)
      } catch (error) {
        // it is told when the weights are chosen
        if (!(error instanceof AppError)) throw error
      }
    }
    return names
  }

  private testNet(net: NetFile, solver: SolverFile | null, nets: NetFile[]): NetFile {
    if (solver === null || solver.testNet === null) return net
    const file = locate(solver.testNet, 'file', solver.file, this.contents)
    return nets.find((other) => other.file === file) ?? net
  }

  async run(): Promise<ImportedModel> {
    const { source, contents, notes } = this
    this.progress('prototxt files', 0)
    const files = classify(contents.prototxts)
    const askedNet = source.net === undefined ? undefined : resolve(source.net)
    const askedSolver = source.solver === undefined ? undefined : resolve(source.solver)
    const solver = chooseSolver(askedSolver, files, contents, askedNet)
    const known = await this.weightLayers(files.nets)
    const net = chooseNet(askedNet, files, solver.value, contents, known)
    const trainable = net.value !== null && !net.value.isDeploy ? net.value : null
    if (net.value === null && files.nets.length === 0) {
      const broken = files.notes[0]
      const hint = broken === undefined ? 'choose the folder that holds train_val.prototxt' : undefined
      const message =
        broken === undefined
          ? 'there is no Caffe net in this folder'
          : `no prototxt in this folder can be used: ${broken.message.replace(/^not used: /, '')}`
      throw new AppError('no-net', message, {
        file: broken?.file ?? contents.folder,
        line: broken?.line,
        hint,
      })
    }
    notes.push(...files.notes, ...(solver.value?.notes ?? []))

    this.progress('data', 0.2)
    const phases: PhasePlan[] = []
    for (const phase of ['TRAIN', 'TEST'] as const) {
      if (trainable === null) break
      const file = phase === 'TRAIN' ? trainable : this.testNet(trainable, solver.value, files.nets)
      const stated = (phase === 'TRAIN' ? solver.value?.trainState : solver.value?.testState) ?? {}
      const state = withStage(file, netState(phase, stated), notes)
      if (!(file.net.layer ?? []).some((layer) => isIncluded(layer, state))) continue
      const data = await locateData(file.net, file.file, state, source, contents, this.options, notes)
      const build = phaseBuildOptions(file, state, data, contents)
      const { testBatchSize } = this.options
      const entries = data.find(({ info }) => info !== null)?.info?.entries
      if (phase === 'TEST' && testBatchSize !== undefined && entries !== undefined) {
        build.batchSize = (batch) => testBatchSize(batch, entries)
      }
      phases.push({ net: file, state, build, data })
    }

    this.progress('weights', 0.4)
    const deployNets = files.nets.filter(({ isDeploy }) => isDeploy)
    if (net.value?.isDeploy === true && !deployNets.includes(net.value)) deployNets.unshift(net.value)
    const deploys = deployNets.map((value) => ({ net: value, graph: this.deployGraph(value) }))
    // where nothing is to be trained, the weights are compared with the net to deploy
    const deployOnly = chooseDeploy(deploys, null).value?.net
    const first = phases[0] ?? (deployOnly === undefined ? undefined : this.deployPhase(deployOnly))
    const input = trainable === null ? null : deployInput(deployNets, trainable)
    const chosen = await this.weightsFor(first, input)
    try {
      this.progress('net', 0.7)
      const evidence = { deployInput: input, weights: chosen.weights }
      const graphs: Record<Phase, NetGraph | null> = { TRAIN: null, TEST: null }
      for (const { net: file, state, build } of phases) {
        await inferShapes(file, state, build, evidence, notes)
        graphs[state.phase] = this.graph(file, build, state.phase === 'TRAIN')
      }
      const built = [graphs.TRAIN, graphs.TEST].filter((graph) => graph !== null)
      for (const graph of built) await checkMeans(graph, notes)
      if (graphs.TRAIN !== null && graphs.TEST !== null) checkPhasesAgree(graphs.TRAIN, graphs.TEST)

      const deploy = chooseDeploy(deploys, graphs.TRAIN ?? graphs.TEST)
      let deployGraph = deploy.value?.graph ?? null
      const basis = graphs.TEST ?? graphs.TRAIN
      if (deployGraph === null && basis !== null) {
        deployGraph = deriveDeploy(basis)
        notes.push({
          level: 'info',
          message: 'no deploy net belongs to it: one is derived, with the losses removed',
        })
      }
      if (trainable === null) {
        notes.push({
          level: 'warning',
          message: 'there is no net to train in this folder, only one to deploy',
        })
        const ends = deployGraph === null ? [] : outputs(deployGraph)
        if (ends.length > 1) {
          notes.push({ level: 'info', message: `the net has several outputs: ${ends.join(', ')}` })
        }
      } else if (solver.value === null) {
        notes.push({
          level: 'warning',
          message: 'there is no solver in this folder: choose the training settings',
        })
      }
      this.warnAboutWeights(
        chosen.weights,
        built.length > 0 ? built : deployGraph === null ? [] : [deployGraph],
      )

      this.progress('solver state', 0.9)
      const state = await chooseSolverState(contents.solverStates, chosen.choice.chosen, graphs.TRAIN)
      notes.push(...state.notes)
      this.progress('done', 1)
      return {
        name: modelName(net.value ?? deploy.value?.net ?? null, basis ?? deployGraph, contents.folder),
        folder: contents.folder,
        files: {
          net: net.choice,
          deploy: deploy.choice,
          solver: solver.choice,
          weights: chosen.choice,
          solverstate: state.choice,
          mean: chooseMean(contents, built),
        },
        train: graphs.TRAIN,
        test: graphs.TEST,
        deploy: deployGraph,
        solver: solver.value?.spec ?? null,
        weights: chosen.weights,
        data: phases.flatMap(({ data }) => data),
        notes: withoutRepeats(notes),
      }
    } catch (error) {
      if (chosen.weights !== null) releaseWeights(chosen.weights)
      throw error
    }
  }
}

/** Imports a model folder. What is missing or assumed stands in `notes`; what makes an import impossible is thrown:
 *  AppError 'no-folder', 'no-net', a parser's error for a file that was asked for, or a graph error of the training net.
 *  The caller releases `weights` by releaseWeights() when it is done with them. */
export async function importFolder(source: ModelSource, options: ImportOptions = {}): Promise<ImportedModel> {
  return new Importer(source, options).run()
}
