import type { HandlersOf } from '../../../preload/contract'
import type { modelRequests } from '../../../preload/contract/models'
import type { HandlerServices } from './services'

export function modelHandlers({ runs, revealFile }: HandlerServices): HandlersOf<typeof modelRequests> {
  return {
    'runs:export': (address) => runs.exportOnnx(address),
    'runs:reveal-export': async (address) => revealFile(await runs.exportedFile(address)),
  }
}
