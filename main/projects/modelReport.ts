// What is told of an imported model: facts, and whether it can be compressed as it stands.

import { stat } from 'node:fs/promises'

import type { ImportedModel } from '../caffe/model'
import { ensureTrainable, parameterCount, prunableLayers } from '../net/analysis'
import { AppError, describeError } from '../net/errors'
import { count, isPrunable, type LayerOf, type NetGraph, type Phase } from '../net/graph'
import type { CycleFacts } from '../olmp/cycleRule'
import { generalRule } from '../olmp/presets'
import { comparableRate } from '../olmp/solverRate'
import type { OlmpSettings } from '../olmp/settings'
import type { DatasetFact, FileChoice, LayerFact, ModelReport, ObstacleCode } from './types'
import type { ModelSource } from '../runs/types'

const roles: FileChoice['role'][] = ['net', 'deploy', 'solver', 'weights', 'solverstate', 'mean']

export async function modelReport(source: ModelSource, model: ImportedModel): Promise<ModelReport> {
  const graph = model.train ?? model.test ?? model.deploy
  const obstacle = findObstacle(model)
  return {
    source,
    name: model.name,
    files: roles.map((role) => ({ role, ...model.files[role] })),
    data: model.data.map(({ phase, layer, statedSource, resolved, info }) => ({
      phase,
      layer,
      statedSource,
      resolved,
      entries: info?.entries ?? null,
      shape: info?.shape ?? null,
      ...dataLayerFacts(phase === 'TRAIN' ? model.train : model.test, layer),
    })),
    notes: model.notes,
    layers: graph === null ? [] : layerFacts(graph),
    parameters: graph === null ? 0 : parameterCount(graph),
    prunableParameters: graph === null ? 0 : prunableCount(graph),
    weightsBytes: model.weights === null ? null : await fileSize(model.weights.file),
    obstacle: obstacle?.text ?? null,
    obstacleCode: obstacle?.code ?? null,
    suggested: obstacle === null ? suggestedSettings(model) : null,
    cycleFacts: obstacle === null ? netFacts(model) : null,
  }
}

function dataLayerFacts(graph: NetGraph | null, name: string): Pick<DatasetFact, 'transform' | 'batchSize'> {
  const layer = graph?.layers.find(
    (candidate): candidate is LayerOf<'Data'> => candidate.type === 'Data' && candidate.name === name,
  )
  return { transform: layer?.params.transform ?? null, batchSize: layer?.params.batch_size ?? null }
}

function layerFacts(graph: NetGraph): LayerFact[] {
  return graph.layers.map((layer) => ({
    name: layer.name,
    type: layer.type,
    outputShape: layer.top_shapes[0] ?? [],
    parameters: layer.parameters.reduce((sum, { shape }) => sum + count(shape), 0),
    prunable: isPrunable(layer),
  }))
}

function prunableCount(graph: NetGraph): number {
  return prunableLayers(graph)
    .flatMap(({ parameters }) => parameters)
    .reduce((sum, { shape }) => sum + count(shape), 0)
}

const NO_DATASET: { code: ObstacleCode; text: string } = {
  code: 'no-dataset',
  text: 'Say where the data is: the source the net names is not here.',
}

function dataMissing(model: ImportedModel, phase: Phase): boolean {
  return model.data.some((data) => data.phase === phase && data.resolved === null)
}

/** What stands in the way: a word for programs, a sentence for the reader. */
function findObstacle(model: ImportedModel): { code: ObstacleCode; text: string } | null {
  // Without its data the shapes of a net may not be known, so that there is no graph of it yet.
  if (model.train === null && dataMissing(model, 'TRAIN')) return NO_DATASET
  if (model.train === null)
    return {
      code: 'no-train-net',
      text: 'There is no training net in the folder: add the train_val or train_test prototxt.',
    }
  if (model.test === null && dataMissing(model, 'TEST')) return NO_DATASET
  if (model.test === null)
    return { code: 'no-test-net', text: 'The net has no test phase, so its accuracy cannot be measured.' }
  if (model.solver === null)
    return {
      code: 'no-solver',
      text: 'There is no solver in the folder: retraining needs its learning rate and decay.',
    }
  if (model.weights === null)
    return { code: 'no-weights', text: 'There are no trained weights in the folder: add the caffemodel.' }
  if (dataMissing(model, 'TRAIN') || dataMissing(model, 'TEST')) return NO_DATASET
  try {
    ensureTrainable(model.train)
    return null
  } catch (error) {
    if (!(error instanceof AppError)) throw error
    return { code: error.code === 'no-loss' ? 'no-loss' : 'other', text: describeError(error.toRecord()) }
  }
}

function suggestedSettings(model: ImportedModel): OlmpSettings | null {
  const facts = netFacts(model)
  return facts === null ? null : generalRule(facts, 'ncs')
}

/** null where there is no training data, or nothing says how to train. */
export function netFacts({ train, test, data, solver }: ImportedModel): CycleFacts | null {
  const source = dataLayer(train)
  const info = data.find(({ phase }) => phase === 'TRAIN')?.info
  if (train === null || source === undefined || !info || solver === null) return null
  return {
    prunableTypes: prunableLayers(train).map(({ type }) => type),
    prunableParameters: prunableCount(train),
    trainImages: info.entries,
    trainBatch: source.params.batch_size,
    baseLearningRate: comparableRate(solver),
    datumShape: source.params.datum_shape,
    floatData: info.floatData,
    testBatch: dataLayer(test)?.params.batch_size ?? 1,
  }
}

function dataLayer(graph: NetGraph | null): LayerOf<'Data'> | undefined {
  return graph?.layers.find((layer): layer is LayerOf<'Data'> => layer.type === 'Data')
}

async function fileSize(file: string): Promise<number | null> {
  return stat(file).then(
    ({ size }) => size,
    () => null,
  )
}
