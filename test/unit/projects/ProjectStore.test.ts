import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'

import { afterEach, beforeEach, describe, expect, it } from 'vitest'

import { ProjectStore } from '../../../main/projects/ProjectStore'
import { exampleReport } from './exampleReport'

describe('ProjectStore', () => {
  let root: string
  let store: ProjectStore

  beforeEach(async () => {
    root = await mkdtemp(path.join(tmpdir(), 'olmp-projects-'))
    store = new ProjectStore({ folder: path.join(root, 'projects') })
  })

  afterEach(() => rm(root, { recursive: true, force: true }))

  it('starts empty, and makes its folder', async () => {
    expect(await store.list()).toEqual({ projects: [], unreadable: [] })
  })

  it('reads back what it wrote', async () => {
    const project = await store.create(exampleReport, 'LeNet 5 / β')
    expect(project.id).toMatch(/^lenet-5-[0-9a-f]{8}$/)
    expect(await store.open(project.id)).toEqual(project)
    await store.save({ ...project, referenceAccuracy: 0.9773 })
    expect((await store.open(project.id)).referenceAccuracy).toBe(0.9773)
  })

  it('leaves nothing but the file behind a write', async () => {
    const { id } = await store.create(exampleReport)
    expect(await readdir(store.folderOf(id))).toEqual(['project.json'])
  })

  it('is never listed half made', async () => {
    let making = true
    const all = Promise.all(Array.from({ length: 40 }, () => store.create(exampleReport)))
    void all.finally(() => (making = false))
    while (making) expect((await store.list()).unreadable).toEqual([])
    await all
    expect((await store.list()).projects.length).toBe(40)
  })

  it('names a project whose name has no letters', async () => {
    expect((await store.create(exampleReport, '网络')).id).toMatch(/^project-[0-9a-f]{8}$/)
  })

  it('lists the newest first', async () => {
    const older = await store.create(exampleReport, 'older')
    await store.save({ ...older, created: '2020-01-01T00:00:00.000Z' })
    await store.create(exampleReport, 'newer')
    expect((await store.list()).projects.map(({ name }) => name)).toEqual(['newer', 'older'])
  })

  it.each([
    ['text that is no JSON', '{', 'unreadable-project'],
    ['another format', '{"formatVersion":7}', 'unreadable-project'],
    ['a part missing', '{"formatVersion":1,"id":"broken","name":"x"}', 'unreadable-project'],
    ['null', 'null', 'unreadable-project'],
  ])('refuses a project file with %s, and lists the others', async (_name, text, code) => {
    const good = await store.create(exampleReport, 'good')
    await mkdir(store.folderOf('broken'))
    await writeFile(path.join(store.folderOf('broken'), 'project.json'), text)
    const { projects, unreadable } = await store.list()
    expect(projects.map(({ id }) => id)).toEqual([good.id])
    expect(unreadable.map((error) => error.code)).toEqual([code])
    expect(unreadable[0].file).toBe(path.join(store.folderOf('broken'), 'project.json'))
  })

  it('says which project is not there', async () => {
    await expect(store.open('absent')).rejects.toMatchObject({ code: 'unknown-project' })
  })

  it('reads a project of format 1, and writes it as it is now', async () => {
    const written = await readFile(path.join(import.meta.dirname, 'fixtures/project-format-1.json'), 'utf8')
    const { id } = JSON.parse(written) as { id: string }
    await mkdir(store.folderOf(id), { recursive: true })
    await writeFile(path.join(store.folderOf(id), 'project.json'), written)
    const project = await store.open(id)
    expect(project).toMatchObject({
      formatVersion: 2,
      name: 'LeNet-300-100 on MNIST',
      lastOpened: null,
      referenceAccuracy: 0.9773,
      report: { obstacle: null, obstacleCode: null, parameters: 266_610 },
    })
    expect(project.report.data.map(({ phase, entries, transform }) => [phase, entries, transform])).toEqual([
      ['TRAIN', 60_000, null],
      ['TEST', 10_000, null],
    ])
    await store.update(id, (changed) => ({ ...changed, name: 'renamed' }))
    const text = await readFile(path.join(store.folderOf(id), 'project.json'), 'utf8')
    expect(JSON.parse(text)).toEqual({ ...project, name: 'renamed' })
  })

  it('loses no change of several made at once', async () => {
    const { id } = await store.create(exampleReport)
    await Promise.all([
      store.update(id, (project) => ({ ...project, referenceAccuracy: 0.9 })),
      store.update('absent', (project) => project).catch(() => undefined),
      store.update(id, (project) => ({ ...project, name: 'b' })),
      store.update(id, (project) => ({ ...project, lastOpened: '2026-01-01T00:00:00.000Z' })),
    ])
    expect(await store.open(id)).toMatchObject({
      referenceAccuracy: 0.9,
      name: 'b',
      lastOpened: '2026-01-01T00:00:00.000Z',
    })
  })
})
