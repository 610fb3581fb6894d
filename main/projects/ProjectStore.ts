// Projects on disk: a folder per project, project.json in it, its runs below. Every write is whole or not there.

import { randomBytes } from 'node:crypto'
import { mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises'
import path from 'node:path'

import { AppError } from '../net/errors'
import type { DatasetFact, ModelReport, Project } from './types'

const formatVersion = 2
const projectFile = 'project.json'

export interface ProjectStoreOptions {
  /** Holds one folder per project; made where it is not there. */
  folder: string
}

export class ProjectStore {
  /** The last change of each project under way: changes of one project never overtake each other. */
  private readonly changes = new Map<string, Promise<unknown>>()

  constructor(private readonly options: ProjectStoreOptions) {}

  get folder(): string {
    return this.options.folder
  }

  folderOf(id: string): string {
    return path.join(this.options.folder, id)
  }

  runsFolderOf(id: string): string {
    return path.join(this.folderOf(id), 'runs')
  }

  runFolderOf(id: string, runId: string): string {
    return path.join(this.runsFolderOf(id), runId)
  }

  /** The readable projects, newest first, and what was wrong with the others. */
  async list(): Promise<{ projects: Project[]; unreadable: AppError[] }> {
    await mkdir(this.options.folder, { recursive: true })
    const entries = await readdir(this.options.folder, { withFileTypes: true })
    const projects: Project[] = []
    const unreadable: AppError[] = []
    for (const entry of entries.filter(({ name }) => !name.startsWith('.'))) {
      if (!entry.isDirectory()) continue
      try {
        projects.push(await this.open(entry.name))
      } catch (error) {
        if (!(error instanceof AppError)) throw error
        unreadable.push(error)
      }
    }
    projects.sort((a, b) => b.created.localeCompare(a.created))
    return { projects, unreadable }
  }

  async create(report: ModelReport, name = report.name): Promise<Project> {
    const project: Project = {
      formatVersion,
      id: projectId(name),
      name,
      created: new Date().toISOString(),
      lastOpened: null,
      report,
      referenceAccuracy: null,
    }
    // Under a name that is not listed until it is whole.
    const partial = this.folderOf(`.${project.id}`)
    await mkdir(partial, { recursive: true })
    await writeWhole(path.join(partial, projectFile), serialise(project))
    await rename(partial, this.folderOf(project.id))
    return project
  }

  async open(id: string): Promise<Project> {
    const file = path.join(this.folderOf(id), projectFile)
    let text: string
    try {
      text = await readFile(file, 'utf8')
    } catch (cause) {
      throw new AppError('unknown-project', 'The project cannot be read.', {
        file,
        cause,
        hint: 'Create it again from its model folder.',
      })
    }
    return parseProject(text, id, file)
  }

  async save(project: Project): Promise<void> {
    await writeWhole(path.join(this.folderOf(project.id), projectFile), serialise(project))
  }

  /** Reads, changes and writes a project as one step. */
  update(id: string, change: (project: Project) => Project): Promise<Project> {
    const before = this.changes.get(id) ?? Promise.resolve()
    const result = before
      .catch(() => undefined)
      .then(async () => {
        const project = change(await this.open(id))
        await this.save(project)
        return project
      })
    this.changes.set(id, result)
    return result
  }
}

function parseProject(text: string, id: string, file: string): Project {
  const refuse = (message: string, cause?: unknown) =>
    new AppError('unreadable-project', message, {
      file,
      cause,
      hint: 'Create the project again from its model folder; its runs stay in the folder beside this file.',
    })
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw refuse('The project file is not valid JSON.', cause)
  }
  if (typeof value !== 'object' || value === null) throw refuse('The project file holds no project.')
  const written: unknown = Reflect.get(value, 'formatVersion')
  if (written !== 1 && written !== formatVersion) {
    throw refuse(
      `The project file has format ${String(written)}; this app reads formats 1 to ${formatVersion}.`,
    )
  }
  const project = value as Partial<Project | ProjectOfFormat1>
  const complete =
    project.id === id && typeof project.name === 'string' && typeof project.created === 'string'
  if (!complete || typeof project.report?.source?.folder !== 'string')
    throw refuse('The project file is incomplete.')
  return written === 1 ? fromFormat1(project as ProjectOfFormat1) : (project as Project)
}

type ProjectOfFormat1 = Omit<Project, 'formatVersion' | 'lastOpened' | 'report'> & {
  formatVersion: 1
  report: Omit<ModelReport, 'obstacleCode' | 'data'> & {
    data: Omit<DatasetFact, 'transform' | 'batchSize'>[]
  }
}

/** Format 1 did not know when a project was opened, nor what its nets do to an image. */
function fromFormat1(project: ProjectOfFormat1): Project {
  const { report } = project
  return {
    ...project,
    formatVersion,
    lastOpened: null,
    report: {
      ...report,
      data: report.data.map((data) => ({ ...data, transform: null, batchSize: null })),
      obstacleCode: report.obstacle === null ? null : 'other',
    },
  }
}

/** A readable folder name that no other project has. */
function projectId(name: string): string {
  const words = name
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '')
    .slice(0, 40)
  return `${words === '' ? 'project' : words.replace(/-+$/, '')}-${randomBytes(4).toString('hex')}`
}

function serialise(project: Project): string {
  return JSON.stringify(project, null, 1)
}

async function writeWhole(file: string, text: string): Promise<void> {
  const temporary = `${file}.${randomBytes(4).toString('hex')}.tmp`
  const handle = await open(temporary, 'w')
  try {
    await handle.writeFile(text)
    await handle.sync()
  } finally {
    await handle.close()
  }
  try {
    await rename(temporary, file)
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
}
