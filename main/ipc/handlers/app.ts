import os from 'node:os'

import type { HandlersOf } from '../../../preload/contract'
import type { appRequests } from '../../../preload/contract/app'
import type { HandlerServices } from './services'

export function appHandlers(services: HandlerServices): HandlersOf<typeof appRequests> {
  return {
    'app:info': async () => ({
      ...services.appInfo(),
      logicalCpus: os.availableParallelism(),
      engine: services.runs.engineStatus,
      projectsFolder: services.store.folder,
    }),
    'dialog:choose-folder': ({ title }) => services.chooseFolder(title),
  }
}
