// The samples as projects: the first is there before anything was imported, the others are made when asked for.

import { readFile, writeFile } from 'node:fs/promises'

import { AppError, toErrorRecord } from '../net/errors'
import type { EngineProcess } from '../engine/EngineProcess'
import type { ProjectStore } from './ProjectStore'
import { samples } from './samples'
import type { Project } from './types'

export interface SampleProjectsOptions {
  engine: Pick<EngineProcess, 'request'>
  store: ProjectStore
  events: { send(name: 'projects:changed', payload: undefined): void }
  /** Remembers which samples were made: one the user deleted does not come back. */
  stateFile: string
}

export class SampleProjects {
  /** Title of what is being made ready. */
  preparing: string | null = null
  problems: AppError[] = []

  constructor(private readonly options: SampleProjectsOptions) {}

  async createAtFirstStart(): Promise<void> {
    const { stateFile } = this.options
    const made = await readMade(stateFile)
    const [{ id }] = samples
    if (made.includes(id)) return
    try {
      await this.create(id)
      await writeFile(stateFile, JSON.stringify([...made, id]))
    } catch (error) {
      const { code, message, ...place } = toErrorRecord(error)
      this.problems = [new AppError(code, `The sample project could not be made: ${message}`, place)]
      this.options.events.send('projects:changed', undefined)
    }
  }

  /** A project of a sample, which is made ready first where need be. */
  async create(id: string): Promise<Project> {
    const { engine, store, events } = this.options
    const sample = samples.find((candidate) => candidate.id === id)
    if (sample === undefined) throw new AppError('unknown-sample', `There is no sample '${id}'.`)
    this.preparing = sample.title
    events.send('projects:changed', undefined)
    try {
      const folder = await engine.request('ensureSample', { sample: id })
      const report = await engine.request('inspectModel', { source: { folder } })
      return await store.create(report, sample.title)
    } finally {
      this.preparing = null
      events.send('projects:changed', undefined)
    }
  }
}

async function readMade(file: string): Promise<string[]> {
  try {
    const value: unknown = JSON.parse(await readFile(file, 'utf8'))
    return Array.isArray(value) ? value.filter((entry) => typeof entry === 'string') : []
  } catch {
    return []
  }
}
