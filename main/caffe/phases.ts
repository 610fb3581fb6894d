// One phase of an import: its state, its data's shapes, the options its graph is built with.

import { AppError } from '../net/errors'
import type { Layer, NetGraph, Phase } from '../net/graph'
import type { BuildOptions } from './build/context'
import { readMean } from './caffemodel'
import type { NetFile } from './classify'
import { inferDatumShape, type DatumShape, type ShapeEvidence } from './dataShape'
import type { NetState } from './filter'
import { locate, type FolderContents } from './folderScan'
import { dataLayers } from './locateData'
import type { NetStateMessage } from './messages'
import type { ImportedData, Note } from './model'

export function netState(phase: Phase, message: NetStateMessage): NetState {
  return { phase, level: message.level ?? 0, stages: message.stage ?? [] }
}

/** A net whose data layers all want a stage cannot run without one: takes the first stage they name. */
export function withStage(net: NetFile, state: NetState, notes: Note[]): NetState {
  if (state.stages.length > 0 || !net.hasData || dataLayers(net.net, state).length > 0) return state
  const stages = (net.net.layer ?? []).flatMap(({ include }) =>
    (include ?? []).flatMap((rule) => rule.stage ?? []),
  )
  for (const stage of stages) {
    const staged = { ...state, stages: [stage] }
    if (dataLayers(net.net, staged).length === 0) continue
    const message = `the ${state.phase} net needs a stage, and no solver names one: '${stage}' is assumed`
    notes.push({ level: 'warning', message, file: net.file })
    return staged
  }
  return state
}

/** (C, H, W) of the input of a net to deploy, where all its learnable layers are in the net to train. */
export function deployInput(deploys: NetFile[], train: NetFile): DatumShape | null {
  const trained = new Map((train.net.layer ?? []).map(({ name, type }) => [name, plainType(type)]))
  for (const { net } of deploys) {
    const layers = net.layer ?? []
    const learnable = layers.filter(({ type }) => learnableTypes.has(plainType(type)))
    if (!learnable.every(({ name, type }) => trained.get(name) === plainType(type))) continue
    const dims = layers.find(({ type }) => type === 'Input')?.input_param?.shape?.[0]?.dim ?? []
    if (dims.length === 4) return [dims[1], dims[2], dims[3]]
  }
  return null
}

const learnableTypes = new Set(['Convolution', 'Deconvolution', 'InnerProduct'])

function plainType(type = ''): string {
  return type.replace(/^C(?=Convolution|InnerProduct)/, '')
}

async function meanShape(file: string): Promise<DatumShape | null> {
  try {
    const [c, h, w] = (await readMean(file)).shape
    return [c, h, w]
  } catch (error) {
    if (error instanceof AppError) return null
    throw error
  }
}

/** How the graph of a phase is built from what was found. */
export function phaseBuildOptions(
  net: NetFile,
  state: NetState,
  data: ImportedData[],
  contents: FolderContents,
): BuildOptions {
  const sources: Record<string, string> = {}
  const dataShapes: Record<string, DatumShape> = {}
  for (const { layer, resolved, info } of data) {
    if (resolved !== null) sources[layer] = resolved
    if (info === null) continue
    const transform = dataLayers(net.net, state).find(({ name }) => name === layer)?.transform_param
    const [channels, height, width] = info.shape
    // only encoded images can be decoded as another number of channels
    const forced = transform?.force_color === true ? 3 : transform?.force_gray === true ? 1 : channels
    dataShapes[layer] = [info.encoded ? forced : channels, height, width]
  }
  return {
    phase: state.phase,
    level: state.level,
    stages: state.stages,
    sources,
    dataShapes,
    resolveFile: (stated) => locate(stated, 'file', net.file, contents) ?? '',
  }
}

/** Adds to `build` the shapes of datums that no dataset gave, as far as anything tells them. */
export async function inferShapes(
  net: NetFile,
  state: NetState,
  build: BuildOptions,
  evidence: Omit<ShapeEvidence, 'mean'>,
  notes?: Note[],
): Promise<void> {
  const shapes = (build.dataShapes ??= {})
  for (const layer of dataLayers(net.net, state)) {
    const name = layer.name ?? ''
    if (shapes[name] !== undefined) continue
    const stated = layer.transform_param?.mean_file
    const meanFile = stated === undefined ? '' : (build.resolveFile?.(stated) ?? '')
    const mean = meanFile === '' ? null : await meanShape(meanFile)
    const inferred = inferDatumShape(net.net, layer, state.phase, { ...evidence, mean }, build)
    if (inferred === null) continue
    shapes[name] = inferred.shape
    const assumed = `datums of (${inferred.shape.join(', ')}) are assumed, from ${inferred.reason}`
    const { file, line } = layer.text?.at ?? {}
    notes?.push({ level: 'info', message: `data layer '${name}' (${state.phase}): ${assumed}`, file, line })
  }
}

/** Warns where a mean image cannot be subtracted from the datums: it must have their shape, before cropping. */
export async function checkMeans(graph: NetGraph, notes: Note[]): Promise<void> {
  for (const layer of graph.layers) {
    if (layer.type !== 'Data' || layer.params.transform.mean_file === '') continue
    const { datum_shape, transform } = layer.params
    const shape = await meanShape(transform.mean_file)
    if (shape !== null && shape.join() === datum_shape.join()) continue
    const found = shape === null ? 'cannot be read' : `is (${shape.join(', ')})`
    const message = `the mean image of data layer '${layer.name}' ${found}, its datums are (${datum_shape.join(', ')})`
    notes.push({ level: 'warning', message, file: transform.mean_file })
  }
}

/** Both phases are one net: a layer's parameters must have one shape. Throws AppError 'shape-mismatch'. */
export function checkPhasesAgree(train: NetGraph, test: NetGraph): void {
  const trained = new Map(train.layers.map((layer) => [layer.name, layer]))
  for (const layer of test.layers) {
    const twin = trained.get(layer.name)
    if (twin === undefined || twin.parameters.length === 0 || layer.parameters.length === 0) continue
    const shapes = (of: Layer) => of.parameters.map(({ shape }) => `(${shape.join(', ')})`).join(' and ')
    if (shapes(twin) === shapes(layer)) continue
    const message = `layer '${layer.name}' has parameters of ${shapes(twin)} in training and ${shapes(layer)} in testing`
    throw new AppError('shape-mismatch', message, {
      ...layer.at,
      hint: 'the datasets of both phases must hold images of one size',
    })
  }
}
