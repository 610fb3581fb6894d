// What each request does: one call of a service. One file per group of the contract.

import type { Handlers } from '../register'
import { appHandlers } from './app'
import { compressHandlers } from './compress'
import { dataHandlers } from './data'
import { modelHandlers } from './models'
import { netHandlers } from './net'
import { projectHandlers } from './projects'
import { reportHandlers } from './report'
import { queueHandlers, runHandlers } from './runs'
import { tryHandlers } from './try'
import type { HandlerServices } from './services'

export function createHandlers(services: HandlerServices): Handlers {
  return {
    ...appHandlers(services),
    ...projectHandlers(services),
    ...dataHandlers(services),
    ...compressHandlers(services),
    ...runHandlers(services),
    ...queueHandlers(services),
    ...reportHandlers(services),
    ...modelHandlers(services),
    ...tryHandlers(services),
    ...netHandlers(services),
  }
}
