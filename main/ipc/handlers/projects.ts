import type { HandlersOf } from '../../../preload/contract'
import type { projectRequests } from '../../../preload/contract/projects'
import type { RunService } from '../../projects/RunService'
import type { ModelReport, Project, ProjectListItem } from '../../projects/types'
import type { ModelSource } from '../../runs/types'
import type { HandlerServices } from './services'

export function projectHandlers(services: HandlerServices): HandlersOf<typeof projectRequests> {
  const { engine, store, runs, samples, events } = services

  function inspect(source: ModelSource): Promise<ModelReport> {
    return engine.request('inspectModel', { source }, (text) => events.send('model:progress', text))
  }

  return {
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
