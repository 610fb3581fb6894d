import type { HandlersOf } from '../../../preload/contract'
import type { runRequests } from '../../../preload/contract/runs'
import type { HandlerServices } from './services'

export function runHandlers({ runs }: HandlerServices): HandlersOf<typeof runRequests> {
  return {
    'runs:start': ({ projectId, choices }) => runs.start(projectId, choices),
    'runs:pause': (address) => runs.stop(address, 'paused'),
    'runs:stop': (address) => runs.stop(address, 'stopped'),
    'runs:resume': (address) => runs.resume(address),
    'runs:history': (address) => runs.history(address),
    'runs:delete': (address) => runs.delete(address),
  }
}
