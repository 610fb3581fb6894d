// Real files written by others: each is imported, or refused with what and where. Their one-line summaries are the
// snapshot. The files do not belong to the product and are looked for beside it.

import { existsSync, readdirSync } from 'node:fs'
import { join, relative } from 'node:path'
import { describe, expect, it } from 'vitest'
import { buildGraph } from '../../../main/caffe/build/buildGraph'
import { readMean, readSolverState, readWeights, releaseWeights } from '../../../main/caffe/caffemodel'
import { readPrototxt } from '../../../main/caffe/classify'
import { importFolder } from '../../../main/caffe/folder'
import { matchWeights, parametersOf } from '../../../main/caffe/weights'
import { AppError } from '../../../main/net/errors'
import { count, type NetGraph, type Phase } from '../../../main/net/graph'
import { outputs, parameterCount } from '../../../main/net/analysis'

const shared = join(import.meta.dirname, '../../../../shared')
const present = existsSync(join(shared, 'fixtures/zoo'))
if (!present) console.log('SKIPPED: no ../shared')

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true })
    .sort((a, b) => a.name.localeCompare(b.name))
    .flatMap((entry) => {
      const path = join(folder, entry.name)
      return entry.isDirectory() ? filesBelow(path) : [path]
    })
}

function graphLine(graph: NetGraph): string {
  const size = `${graph.layers.length} layers, ${parameterCount(graph)} parameters`
  return `${size}, outputs ${outputs(graph).join(' ')}`
}

/** The nets' data is not here: images as their authors had them. */
function assumedShape(file: string): [number, number, number] {
  if (file.includes('siamese')) return [2, 28, 28]
  if (file.includes('mnist') || /\/lenet/.test(file)) return [1, 28, 28]
  return file.includes('cifar') ? [3, 32, 32] : [3, 256, 256]
}

function prototxtLine(file: string): string {
  const read = readPrototxt(file)
  if ('solver' in read) {
    const { spec, net } = read.solver
    return `solver of ${net ?? ''}: ${spec.type}, ${spec.lr_policy} from ${spec.base_lr}, ${spec.max_iter} iterations`
  }
  const { layer } = read.net.net
  const dataShapes = Object.fromEntries((layer ?? []).map(({ name }) => [name ?? '', assumedShape(file)]))
  const lines = (['TRAIN', 'TEST'] as Phase[]).map((phase) => {
    try {
      return `${phase}: ${graphLine(buildGraph(read.net.net, { phase, dataShapes, resolveFile: () => '' }))}`
    } catch (error) {
      if (!(error instanceof AppError)) throw error
      return `${phase}: ${error.code} in line ${error.line ?? 0}: ${error.message}`
    }
  })
  return lines.join('; ')
}

async function summary(file: string): Promise<string> {
  if (file.endsWith('.prototxt')) return prototxtLine(file)
  if (file.endsWith('.solverstate')) {
    const state = await readSolverState(file)
    return `iteration ${state.iter} of ${state.learnedNet}, ${state.history.length} history blobs`
  }
  if (file.endsWith('.binaryproto')) return `mean image ${(await readMean(file)).shape.join('x')}`
  const weights = await readWeights(file)
  releaseWeights(weights)
  const blobs = weights.layers.flatMap((layer) => layer.blobs)
  const values = blobs.reduce((sum, { shape }) => sum + count(shape), 0)
  const legacy = blobs.some((blob) => blob.legacy) ? ', legacy dimensions' : ''
  return `${weights.format}, ${weights.layers.length} layers, ${blobs.length} blobs, ${values} values${legacy}`
}

describe.skipIf(!present)('files of others', () => {
  it('are read or refused with what and where', async () => {
    const lines: string[] = []
    for (const folder of ['reference', 'fixtures']) {
      for (const file of filesBelow(join(shared, folder))) {
        if (!/\.(prototxt|caffemodel|h5|solverstate|binaryproto)$/.test(file)) continue
        const line = await summary(file).catch((error: unknown) => {
          if (!(error instanceof AppError)) throw error
          return `${error.code} ${error.message}`
        })
        lines.push(`${relative(shared, file)}: ${line}`)
      }
    }
    expect(lines).toMatchSnapshot()
  })

  it.each([
    ['reference/olmp/lenet5', 431080, 'caffe_lenet5_original.caffemodel', 8],
    ['reference/olmp/lenet300100', 266610, 'lenet300100_iter_10000.caffemodel', 6],
    ['reference/dns/lenet5', 431080, 'caffe_lenet5_original.caffemodel', 8],
    ['reference/dns/lenet300100', 266610, 'caffe_lenet300100_original.caffemodel', 6],
    ['fixtures/impact_scar', 145123, 'cifar10_impact_scar_quick_iter_5000.caffemodel', 10],
    ['fixtures/cifar10_quick_v1', 145578, 'cifar10_quick_iter_5000.caffemodel', 10],
    ['fixtures/cifar10_quick_hdf5', 145578, 'cifar10_quick_iter_5000.caffemodel.h5', 10],
  ])('%s is one model with %i parameters', async (folder, parameters, weightsFile, blobs) => {
    const model = await importFolder({ folder: join(shared, folder) })
    const graph = model.train ?? model.deploy
    if (graph === null || model.weights === null) throw new Error('incomplete')
    expect(parameterCount(graph)).toBe(parameters)
    expect(model.files.weights.chosen).toBe(join(shared, folder, weightsFile))
    const match = matchWeights(model.weights, parametersOf([graph]), [graph])
    expect(match).toMatchObject({ missing: [], unused: [] })
    expect(match.placements).toHaveLength(blobs)
    releaseWeights(model.weights)
  })

  it.each([
    ['reference/olmp/lenet5/compressed_lenet5.caffemodel', 'reference/olmp/lenet5', 16],
    ['reference/olmp/lenet300100/compressed_lenet300100.caffemodel', 'reference/olmp/lenet300100', 12],
  ])('the masks of %s are placed', async (file, folder, blobs) => {
    const weights = join(shared, file)
    const model = await importFolder({ folder: join(shared, folder), weights })
    if (model.train === null || model.weights === null) throw new Error('incomplete')
    const { placements } = matchWeights(model.weights, parametersOf([model.train]))
    expect(placements).toHaveLength(blobs)
    expect(placements.filter(({ part }) => part === 'mask')).toHaveLength(blobs / 2)
    expect(model.notes.some(({ message }) => message.startsWith('these weights are pruned already'))).toBe(
      true,
    )
  })
})
