// The sample at the first start: a project that is there before anything was imported.

import { readFile, writeFile } from 'node:fs/promises'

import { AppError, toErrorRecord } from '../net/errors'
import type { EngineProcess } from '../engine/EngineProcess'
import type { ProjectStore } from './ProjectStore'

export interface SampleProjectsOptions {
  engine: Pick<EngineProcess, 'request'>
  store: ProjectStore
  events: { send(name: 'projects:changed', payload: undefined): void }
  /** Remembers which samples were made: one the user deleted does not come back. */
  stateFile: string
}

const firstSample = { id: 'lenet-300-100', title: 'LeNet-300-100 on MNIST' }

export class SampleProjects {
  /** What is being made ready, for the reader. */
  preparing: string | null = null
  problems: AppError[] = []

  constructor(private readonly options: SampleProjectsOptions) {}

  async createAtFirstStart(): Promise<void> {
    const { stateFile, events } = this.options
    const made = await readMade(stateFile)
    if (made.includes(firstSample.id)) return
    this.preparing = `Preparing the sample ${firstSample.title}…`
    try {
      await this.create()
      await writeFile(stateFile, JSON.stringify([...made, firstSample.id]))
    } catch (error) {
      const { code, message, ...place } = toErrorRecord(error)
      this.problems = [new AppError(code, `The sample project could not be made: ${message}`, place)]
    } finally {
      this.preparing = null
      events.send('projects:changed', undefined)
    }
  }

  private tell(text: string): void {
    this.preparing = `Preparing the sample ${firstSample.title}: ${text}…`
    this.options.events.send('projects:changed', undefined)
  }

  private async create(): Promise<void> {
    const { engine, store } = this.options
    const folder = await engine.request('ensureSample', { sample: firstSample.id }, (text) => this.tell(text))
    const report = await engine.request('inspectModel', { source: { folder } })
    await store.create(report, firstSample.title)
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
