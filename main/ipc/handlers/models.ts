import type { HandlersOf } from '../../../preload/contract'
import type { modelRequests } from '../../../preload/contract/models'
import type { HandlerServices } from './services'

export function modelHandlers({ models, modelJobs }: HandlerServices): HandlersOf<typeof modelRequests> {
  return {
    'models:list': ({ projectId }) => models.list(projectId),
    'models:of-run': (address) => models.ofRun(address),
    'models:export': (wish) => models.export(wish),
    'models:prepare-reference': ({ projectId, job }) => models.prepareReference(projectId, job),
    'models:verify': ({ job, ...address }) => models.verify(address, job),
    'models:measure': ({ job, ...address }) => models.measure(address, job),
    'models:cancel': async ({ job }) => modelJobs.cancel(job),
    'models:reveal': (address) => models.reveal(address),
    'models:delete': (address) => models.delete(address),
    'checkpoints:list': (address) => models.checkpoints(address),
    'checkpoints:promote': ({ checkpoint, promoted, ...address }) =>
      models.promote(address, checkpoint, promoted),
    'checkpoints:delete': ({ checkpoint, ...address }) => models.deleteCheckpoint(address, checkpoint),
  }
}
