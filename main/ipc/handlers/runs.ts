import type { HandlersOf } from '../../../preload/contract'
import type { queueRequests } from '../../../preload/contract/queue'
import type { runRequests } from '../../../preload/contract/runs'
import type { HandlerServices } from './services'

export function runHandlers({ runs, runFiles }: HandlerServices): HandlersOf<typeof runRequests> {
  const { library } = runs
  return {
    'runs:list': ({ projectId }) => library.list(projectId),
    'runs:start': ({ projectId, request }) => runs.start(projectId, request),
    'runs:pause': (address) => runs.stop(address, 'paused'),
    'runs:stop': (address) => runs.stop(address, 'stopped'),
    'runs:resume': (address) => runs.resume(address),
    'runs:move': ({ address, device }) => runs.move(address, device),
    'runs:extend': ({ address, iterations }) => runs.extend(address, iterations),
    'runs:delete': (address) => runs.delete(address),
    'runs:annotate': ({ address, ...change }) => runs.annotate(address, change),
    'runs:request': (address) => library.request(address),
    'runs:history': (address) => library.history(address),
    'runs:series': ({ addresses, maxPoints }) => library.series(addresses, maxPoints),
    'runs:log': ({ address, ...query }) => library.log(address, query),
    'runs:metrics-csv': ({ addresses }) => runFiles.saveMetrics(addresses),
    'runs:save-log': ({ address }) => runFiles.saveLog(address),
  }
}

export function queueHandlers({ runs }: HandlerServices): HandlersOf<typeof queueRequests> {
  return {
    'queue:list': () => runs.listQueue(),
    'queue:move': ({ address, index }) => runs.moveInQueue(address, index),
    'queue:remove': ({ address }) => runs.removeFromQueue(address),
    'queue:hold': ({ held }) => runs.holdQueue(held),
  }
}
