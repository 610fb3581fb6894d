import type { HandlersOf } from '../../../preload/contract'
import type { reportRequests } from '../../../preload/contract/report'
import type { HandlerServices } from './services'

export function reportHandlers({ reports }: HandlerServices): HandlersOf<typeof reportRequests> {
  return {
    'report:save': (address) => reports.save(address),
    'report:reveal-run': (address) => reports.revealRun(address),
  }
}
