// Model folders: samples made, folders read.

import { releaseWeights } from '../../caffe/caffemodel'
import { modelReport } from '../../projects/modelReport'
import { ensureSample } from '../../projects/samples'
import { importModel } from '../../runs/openModel'
import { type JobsOf, throwIfCancelled } from './job'

export const modelJobs: JobsOf<'systemInfo' | 'ensureSample' | 'inspectModel'> = {
  systemInfo: async ({ addon }) => addon.systemInfo(),

  ensureSample({ addon, folders }, { sample }, { onProgress }) {
    return ensureSample(sample, {
      addon,
      resourcesFolder: folders.resources,
      dataFolder: folders.data,
      onProgress,
    })
  },

  async inspectModel({ addon, folders }, { source }, { onProgress, signal }) {
    const tell = (text: string) => {
      throwIfCancelled(signal)
      onProgress(text)
    }
    const model = await importModel(source, { addon, cacheFolder: folders.cache, onProgress: tell })
    try {
      return await modelReport(source, model)
    } finally {
      if (model.weights !== null) releaseWeights(model.weights)
    }
  },
}
