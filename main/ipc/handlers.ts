// What each request does: one call of a service.

import os from 'node:os'

import type { EngineProcess } from '../engine/EngineProcess'
import type { ProjectStore } from '../projects/ProjectStore'
import type { RunService } from '../projects/RunService'
import type { SampleProjects } from '../projects/SampleProjects'
import type { ModelReport, Project, ProjectListItem } from '../projects/types'
import type { ModelSource } from '../runs/types'
import type { Handlers } from './register'
import type { WindowEvents } from './WindowEvents'

export interface HandlerServices {
  engine: EngineProcess
  store: ProjectStore
  runs: RunService
  samples: SampleProjects
  events: WindowEvents
  chooseFolder(title: string): Promise<string | null>
  revealFile(file: string): void
  appInfo(): { version: string; electron: string }
}

export function createHandlers(services: HandlerServices): Handlers {
  const { engine, store, runs, samples, events } = services

  function inspect(source: ModelSource): Promise<ModelReport> {
    return engine.request('inspectModel', { source }, (text) => events.send('model:progress', text))
  }

  return {
    'app:info': async () => ({
      ...services.appInfo(),
      logicalCpus: os.availableParallelism(),
      engine: runs.engineStatus,
      projectsFolder: store.folder,
    }),
    'dialog:choose-folder': ({ title }) => services.chooseFolder(title),
    'model:inspect': inspect,

    'projects:list': async () => {
      const { projects, unreadable } = await store.list()
      return {
        projects: await Promise.all(projects.map((project) => listItem(project, runs))),
        problems: [...unreadable, ...samples.problems].map((error) => error.toRecord()),
        preparing: samples.preparing,
      }
    },
    'projects:create': async ({ name, source }) => {
      const project = await store.create(await inspect(source), name)
      events.send('projects:changed', undefined)
      return project
    },
    'projects:open': async ({ projectId }) => ({
      project: await store.open(projectId),
      ...(await runs.list(projectId)),
    }),
    'projects:remap': async ({ projectId, dataTrain, dataTest }) => {
      const project = await store.open(projectId)
      const report = await inspect({ ...project.report.source, dataTrain, dataTest })
      const changed: Project = { ...project, report }
      await store.save(changed)
      return changed
    },
    'projects:delete': async ({ projectId }) => {
      runs.requireIdle(projectId)
      await store.delete(projectId)
    },

    'runs:start': ({ projectId, choices }) => runs.start(projectId, choices),
    'runs:pause': (address) => runs.stop(address, 'paused'),
    'runs:stop': (address) => runs.stop(address, 'stopped'),
    'runs:resume': (address) => runs.resume(address),
    'runs:history': (address) => runs.history(address),
    'runs:delete': (address) => runs.delete(address),
    'runs:export': (address) => runs.exportOnnx(address),
    'runs:reveal-export': async (address) => services.revealFile(await runs.exportedFile(address)),
  }
}

async function listItem(project: Project, runs: RunService): Promise<ProjectListItem> {
  const { runs: summaries } = await runs.list(project.id)
  const results = summaries.flatMap(({ result }) => (result === null ? [] : [result]))
  const best = results.reduce<ProjectListItem['best']>(
    (top, { compression, accuracy }) =>
      top === null || compression > top.compression ? { compression, accuracy } : top,
    null,
  )
  return {
    id: project.id,
    name: project.name,
    created: project.created,
    folder: project.report.source.folder,
    parameters: project.report.parameters,
    referenceAccuracy: project.referenceAccuracy,
    runs: summaries.length,
    best,
  }
}
