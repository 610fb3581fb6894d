// A model folder's net, one phase at a time.

import { releaseWeights } from '../../caffe/caffemodel'
import { AppError } from '../../net/errors'
import { prunableLayers } from '../../net/analysis'
import type { NetGraph } from '../../net/graph'
import type { NetPhase } from '../../projects/netTypes'
import { importModel } from '../../runs/openModel'
import type { JobsOf } from './job'

export const netGraphJobs: JobsOf<'netGraph'> = {
  async netGraph({ addon, folders }, { source, phase }, { onProgress }) {
    const model = await importModel(source, { addon, cacheFolder: folders.cache, onProgress })
    if (model.weights !== null) releaseWeights(model.weights)
    const { train, test, deploy } = model
    const nets: [NetPhase, NetGraph | null][] = [
      ['TRAIN', train],
      ['TEST', test],
      ['DEPLOY', deploy],
    ]
    const found = nets.flatMap(([name, graph]) => (graph === null ? [] : [{ name, graph }]))
    const shown = phase === undefined ? found.at(0) : found.find(({ name }) => name === phase)
    if (shown === undefined) {
      const which = phase === undefined ? 'no net' : `no net of the phase ${phase}`
      throw new AppError('no-net', `there is ${which} in the folder`, {
        file: model.folder,
        hint: 'add the prototxt of the net',
      })
    }
    const prunable = prunableLayers(shown.graph).map(({ name }) => name)
    return { phase: shown.name, phases: found.map(({ name }) => name), graph: shown.graph, prunable }
  },
}
