import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'

import type { AppError } from '../../../main/net/errors'
import { Trash } from '../../../main/projects/Trash'

describe('Trash', () => {
  let root: string
  let victim: string
  const trashed: string[] = []
  const problems: AppError[] = []

  beforeEach(async () => {
    root = await mkdtemp(path.join(tmpdir(), 'olmp-trash-'))
    victim = path.join(root, 'projects', 'lenet')
    await mkdir(victim, { recursive: true })
    await writeFile(path.join(victim, 'project.json'), '{}')
    trashed.length = 0
    problems.length = 0
  })

  afterEach(() => rm(root, { recursive: true, force: true }))

  function trash(graceMs = 60_000, takes = true): Trash {
    return new Trash({
      folder: path.join(root, 'deleted'),
      graceMs,
      onProblem: (error) => problems.push(error),
      async moveToSystemTrash(folder) {
        if (!takes) throw new Error('this desktop has no trash')
        trashed.push(path.basename(folder))
        await rm(folder, { recursive: true })
      },
    })
  }

  it('brings back what it took, whole, and tells so', async () => {
    const restored = vi.fn()
    const bin = trash()
    bin.on('restored', restored)
    const token = await bin.put(victim)
    expect(await readdir(path.join(root, 'projects'))).toEqual([])
    expect(await bin.restore(token)).toBe(victim)
    expect(await readFile(path.join(victim, 'project.json'), 'utf8')).toBe('{}')
    expect(restored).toHaveBeenCalledWith(victim)
    expect(await readdir(path.join(root, 'deleted'))).toEqual([])
  })

  it('hands it to the system after a while, under its own name; then it is too late', async () => {
    const bin = trash(20)
    const token = await bin.put(victim)
    await vi.waitFor(() => expect(trashed).toEqual(['lenet']))
    await vi.waitFor(async () => expect(await readdir(path.join(root, 'deleted'))).toEqual([]))
    await expect(bin.restore(token)).rejects.toMatchObject({ code: 'undo-expired' })
  })

  it('hands over at the next start what an earlier end left', async () => {
    await trash().put(victim)
    await trash().empty()
    expect(trashed).toEqual(['lenet'])
  })

  it('keeps what the system does not take, and says so', async () => {
    const token = await trash().put(victim)
    await trash(60_000, false).empty()
    expect(problems).toMatchObject([{ code: 'not-trashed' }])
    expect(await trash().restore(token)).toBe(victim)
  })

  it('puts nothing over what is there now', async () => {
    const bin = trash()
    const token = await bin.put(victim)
    await mkdir(victim)
    await expect(bin.restore(token)).rejects.toMatchObject({ code: 'restore-blocked', file: victim })
    await rm(victim, { recursive: true })
    expect(await bin.restore(token)).toBe(victim)
  })

  it.each(['0123', '..', ''])('knows no token %j', async (token) => {
    await expect(trash().restore(token)).rejects.toMatchObject({ code: 'undo-expired' })
  })

  it('refuses a folder that is not there, and leaves nothing behind', async () => {
    await expect(trash().put(path.join(root, 'absent'))).rejects.toMatchObject({ code: 'not-trashed' })
    expect(await readdir(path.join(root, 'deleted'))).toEqual([])
  })
})
