import type { HandlersOf } from '../../../preload/contract'
import type { netRequests } from '../../../preload/contract/net'
import type { HandlerServices } from './services'

export function netHandlers({ net, sensitivity }: HandlerServices): HandlersOf<typeof netRequests> {
  return {
    'net:graph': ({ projectId, phase }) => net.graph(projectId, phase),
    'net:layer-weights': (request) => net.layerWeights(request),
    'sensitivity:get': ({ projectId }) => sensitivity.state(projectId),
    'sensitivity:measure': ({ projectId, images }) => sensitivity.measure(projectId, images),
    'sensitivity:cancel': ({ projectId }) => sensitivity.cancel(projectId),
  }
}
