// Projects as the window asks for them: made, named, copied, removed and brought back.

import { EventEmitter } from 'node:events'
import path from 'node:path'

import type { ProjectDetails, ProjectList } from '../../preload/contract'
import type { EngineProcess } from '../engine/EngineProcess'
import { cancelled } from '../engine/jobs/job'
import { AppError } from '../net/errors'
import type { ModelSource } from '../runs/types'
import { netSketch } from './netSketch'
import type { ProjectStore } from './ProjectStore'
import type { DataService } from './DataService'
import type { RunService } from './RunService'
import type { SampleProjects } from './SampleProjects'
import type { Trash } from './Trash'
import type { ModelReport, Project, ProjectListItem } from './types'

export interface ProjectServiceOptions {
  engine: Pick<EngineProcess, 'request'>
  store: ProjectStore
  runs: Pick<RunService, 'list' | 'requireIdle'>
  samples: Pick<SampleProjects, 'problems' | 'preparing' | 'create'>
  data: Pick<DataService, 'known'>
  trash: Pick<Trash, 'put' | 'restore'>
  events: {
    send(name: 'projects:changed', payload: undefined): void
    send(name: 'model:progress', text: string): void
  }
  /** Shows a folder in the file manager. */
  reveal(folder: string): void
}

interface ProjectServiceEvents {
  /** Which projects there are, their names, or when they were opened. */
  changed: []
}

export class ProjectService extends EventEmitter<ProjectServiceEvents> {
  private inspecting: AbortController | null = null

  constructor(private readonly options: ProjectServiceOptions) {
    super()
  }

  /** Reads a model folder. What was being read before is no longer wanted. */
  async inspect(source: ModelSource): Promise<ModelReport> {
    this.inspecting?.abort()
    const stopper = new AbortController()
    this.inspecting = stopper
    const { engine, events } = this.options
    const tell = (text: string) => events.send('model:progress', text)
    try {
      const report = await engine.request('inspectModel', { source }, tell, stopper.signal)
      if (stopper.signal.aborted) throw cancelled()
      return report
    } finally {
      if (this.inspecting === stopper) this.inspecting = null
    }
  }

  cancelInspection(): void {
    this.inspecting?.abort()
  }

  async list(): Promise<ProjectList> {
    const { store, samples } = this.options
    const { projects, unreadable } = await store.list()
    return {
      projects: await Promise.all(projects.map((project) => this.item(project))),
      problems: [...unreadable, ...samples.problems].map((error) => error.toRecord()),
      preparing: samples.preparing,
    }
  }

  /** The projects opened last, newest first. */
  async recent(most: number): Promise<{ id: string; name: string }[]> {
    const { projects } = await this.options.store.list()
    return projects
      .filter(({ lastOpened }) => lastOpened !== null)
      .sort((a, b) => (b.lastOpened ?? '').localeCompare(a.lastOpened ?? ''))
      .slice(0, most)
      .map(({ id, name }) => ({ id, name }))
  }

  async create(source: ModelSource, name?: string): Promise<Project> {
    const { store, data } = this.options
    const created = await store.create(await this.inspect(source), name)
    const measured = data.known(source)
    const project =
      measured === null
        ? created
        : await store.update(created.id, (fresh) => ({ ...fresh, referenceAccuracy: measured }))
    this.tellChange()
    return project
  }

  async addSample(sample: string): Promise<Project> {
    const project = await this.options.samples.create(sample)
    this.tellChange()
    return project
  }

  async open(projectId: string): Promise<ProjectDetails> {
    const { store, runs } = this.options
    return { project: await store.open(projectId), ...(await runs.list(projectId)) }
  }

  /** Remembers that the user went to the project now. */
  async visit(projectId: string): Promise<void> {
    const lastOpened = new Date().toISOString()
    await this.options.store.update(projectId, (project) => ({ ...project, lastOpened }))
    this.emit('changed')
  }

  rename(projectId: string, name: string): Promise<Project> {
    return this.change(projectId, (project) => ({ ...project, name: requireName(name) }))
  }

  async duplicate(projectId: string, name: string): Promise<Project> {
    const { store } = this.options
    const { report, referenceAccuracy } = await store.open(projectId)
    const { id } = await store.create(report, requireName(name))
    return this.change(id, (project) => ({ ...project, referenceAccuracy }))
  }

  async remap(projectId: string, dataTrain: string, dataTest: string): Promise<Project> {
    const { report } = await this.options.store.open(projectId)
    return this.reportAgain(projectId, { ...report.source, dataTrain, dataTest }, report)
  }

  async reread(projectId: string): Promise<Project> {
    const { report } = await this.options.store.open(projectId)
    return this.reportAgain(projectId, report.source, report)
  }

  async reveal(projectId: string, what: 'project' | 'model'): Promise<void> {
    const { store, reveal } = this.options
    const { report } = await store.open(projectId)
    reveal(what === 'model' ? report.source.folder : store.folderOf(projectId))
  }

  async delete(projectId: string): Promise<{ undo: string }> {
    const { store, runs, trash } = this.options
    runs.requireIdle(projectId)
    await store.open(projectId)
    const undo = await trash.put(store.folderOf(projectId))
    this.tellChange()
    return { undo }
  }

  async undoDelete(undo: string): Promise<void> {
    await this.options.trash.restore(undo)
    this.tellChange()
  }

  /** A reference measured on other data or other weights no longer stands. */
  private async reportAgain(projectId: string, source: ModelSource, before: ModelReport): Promise<Project> {
    const report = await this.inspect(source)
    const same = testedFiles(report) === testedFiles(before)
    return this.change(projectId, (project) => ({
      ...project,
      report,
      referenceAccuracy: same ? project.referenceAccuracy : this.options.data.known(source),
    }))
  }

  private async change(projectId: string, change: (project: Project) => Project): Promise<Project> {
    const project = await this.options.store.update(projectId, change)
    this.tellChange()
    return project
  }

  private tellChange(): void {
    this.options.events.send('projects:changed', undefined)
    this.emit('changed')
  }

  private async item({ report, ...project }: Project): Promise<ProjectListItem> {
    const { runs } = await this.options.runs.list(project.id)
    const best = runs.reduce<ProjectListItem['best']>((top, { id, result }) => {
      if (result === null || (top !== null && result.compression <= top.compression)) return top
      return { runId: id, compression: result.compression, accuracy: result.accuracy }
    }, null)
    const last = runs.reduce<(typeof runs)[number] | null>(
      (newest, run) => (newest === null || run.started > newest.started ? run : newest),
      null,
    )
    return {
      id: project.id,
      name: project.name,
      created: project.created,
      lastOpened: project.lastOpened,
      folder: report.source.folder,
      modelName: report.name,
      sketch: netSketch(report.layers, report.data),
      parameters: report.parameters,
      referenceAccuracy: project.referenceAccuracy,
      obstacleCode: report.obstacleCode,
      runs: runs.length,
      best,
      lastRun:
        last === null
          ? null
          : { runId: last.id, state: last.state, started: last.started, ended: last.ended },
    }
  }
}

function requireName(name: string): string {
  const trimmed = name.trim()
  if (trimmed === '') {
    throw new AppError('no-name', 'A project needs a name.', { hint: 'Type at least one character.' })
  }
  return trimmed
}

/** What an accuracy was measured on. */
function testedFiles({ source, files, data }: ModelReport): string {
  const weights = files.find(({ role }) => role === 'weights')?.chosen ?? null
  const net = files.find(({ role }) => role === 'net')?.chosen ?? null
  const test = data.find(({ phase }) => phase === 'TEST')?.resolved ?? null
  return JSON.stringify([path.resolve(source.folder), weights, net, test])
}
