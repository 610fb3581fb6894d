import os from 'node:os'

import type { HandlersOf } from '../../../preload/contract'
import type { appRequests } from '../../../preload/contract/app'
import type { HandlerServices } from './services'

export function appHandlers(services: HandlerServices): HandlersOf<typeof appRequests> {
  const { help, settings } = services
  return {
    'app:info': async () => ({
      ...services.appInfo(),
      logicalCpus: os.availableParallelism(),
      engine: services.runs.engineStatus,
      projectsFolder: services.store.folder,
    }),
    'app:about': () => help.about(),
    'app:system-info': () => help.systemInfo(),
    'app:open-guide': () => help.openGuide(),
    'app:open-notices': () => help.openNotices(),
    'app:save-report': () => help.saveReport(),
    'app:restart': async () => services.restart(),
    'settings:get': async () => settings.state(),
    'settings:set': async (patch) => settings.set(patch),
    'dialog:choose-folder': ({ title }) => services.chooseFolder(title),
  }
}
