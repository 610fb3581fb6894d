import type { HandlersOf } from '../../../preload/contract'
import type { compressRequests } from '../../../preload/contract/compress'
import type { HandlerServices } from './services'

export function compressHandlers({ estimates }: HandlerServices): HandlersOf<typeof compressRequests> {
  return {
    'compress:estimate': (request) => estimates.costs(request),
  }
}
