import type { HandlersOf } from '../../../preload/contract'
import type { dataRequests } from '../../../preload/contract/data'
import type { HandlerServices } from './services'

export function dataHandlers({ data }: HandlerServices): HandlersOf<typeof dataRequests> {
  return {
    'data:preview': ({ dataset, start, count }) => data.preview(dataset, start, count),
    'data:predict': ({ source, ...images }) => data.predict(source, images),
    'data:classes': ({ dataset, job }) => data.classes(job, dataset),
    'data:measure-reference': ({ source, projectId, job }) => data.measure(job, source, projectId),
    'data:cancel': async ({ job }) => data.cancel(job),
  }
}
