import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'

import { describe, expect, it } from 'vitest'

import { detectDataset } from '../../../main/data/detect'
import { failureOf, temporaryFolder, writeLevelDb } from './helpers'

describe('detectDataset', () => {
  it('tells an LMDB and a LevelDB by their files', async () => {
    const folder = temporaryFolder()
    const lmdb = path.join(folder, 'train_leveldb')
    mkdirSync(lmdb)
    writeFileSync(path.join(lmdb, 'data.mdb'), '')
    expect(await detectDataset(lmdb)).toBe('lmdb')

    const leveldb = path.join(folder, 'train_lmdb')
    await writeLevelDb(leveldb, 3)
    expect(await detectDataset(leveldb)).toBe('leveldb')
  })

  it('names what is missing', async () => {
    const missing = path.join(temporaryFolder(), 'gone')
    const error = await failureOf(detectDataset(missing))
    expect(error.code).toBe('missing-dataset')
    expect(error.file).toBe(missing)
  })

  it('says what a dataset looks like where there is none', async () => {
    const folder = temporaryFolder()
    writeFileSync(path.join(folder, 'CURRENT'), 'something else')
    writeFileSync(path.join(folder, 'MANIFEST-000001'), '')
    const error = await failureOf(detectDataset(folder))
    expect(error.code).toBe('not-a-dataset')
    expect(error.hint).toMatch(/data\.mdb.*LMDB.*CURRENT.*LevelDB/)
  })

  it('points one folder down', async () => {
    const folder = temporaryFolder()
    mkdirSync(path.join(folder, 'a_readme'))
    await writeLevelDb(path.join(folder, 'cifar10_train_leveldb'), 1)
    const error = await failureOf(detectDataset(folder))
    expect(error.code).toBe('not-a-dataset')
    expect(error.hint).toContain("'cifar10_train_leveldb'")
  })

  it('points one folder up from data.mdb itself', async () => {
    const folder = temporaryFolder()
    writeFileSync(path.join(folder, 'data.mdb'), '')
    const error = await failureOf(detectDataset(path.join(folder, 'data.mdb')))
    expect(error.code).toBe('not-a-dataset')
    expect(error.hint).toContain(folder)
  })
})
