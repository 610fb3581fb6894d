import {
  createReadStream,
  createWriteStream,
  existsSync,
  readFileSync,
  statSync,
  truncateSync,
} from 'node:fs'
import { cpSync, mkdirSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { pipeline } from 'node:stream/promises'
import { createGzip } from 'node:zlib'

import { ClassicLevel } from 'classic-level'
import { describe, expect, it } from 'vitest'

import { findMnist, mnistFiles, resolveDataset } from '../../../main/data'
import { loadAddon } from '../../../main/engine/addon'
import { haveShared, sharedFile } from '../../helpers/shared'
import { datum, failureOf, keyOf, temporaryFolder, writeLevelDb } from './helpers'

const addon = loadAddon()

/** Names, sizes and dates of all files, to see that nothing was touched. */
function listing(folder: string): string[] {
  return readdirSync(folder).map((name) => {
    const { size, mtimeMs } = statSync(path.join(folder, name))
    return `${name} ${size} ${mtimeMs}`
  })
}

async function writeLmdb(folder: string, values: Buffer[]): Promise<void> {
  const writer = addon.createLmdbWriter(folder, 2 ** 24)
  await writer.put(values.map((value, i) => ({ key: keyOf(i), value })))
  await writer.close()
}

describe('an LMDB', () => {
  it('is used where it is, without a lock file', async () => {
    const folder = temporaryFolder()
    const lmdb = path.join(folder, 'db')
    await writeLmdb(lmdb, [datum([1, 2, 3, 4, 5, 6], 7), datum([9, 2, 3, 4, 5, 6], 8)])
    const cacheFolder = path.join(folder, 'cache')
    const resolved = await resolveDataset({ kind: 'train', path: lmdb }, { addon, cacheFolder })
    expect(resolved).toEqual({
      folder: lmdb,
      origin: 'lmdb',
      info: { entries: 2, shape: [1, 2, 3], encoded: false, floatData: false },
    })
    expect(readdirSync(lmdb)).toEqual(['data.mdb'])
    expect(existsSync(cacheFolder)).toBe(false)
  })

  it('that is damaged is named, and left alone', async () => {
    const folder = temporaryFolder()
    const lmdb = path.join(folder, 'db')
    await writeLmdb(lmdb, [datum([1, 2, 3, 4, 5, 6], 7)])
    const file = path.join(lmdb, 'data.mdb')
    const options = { addon, cacheFolder: path.join(folder, 'cache') }
    truncateSync(file, statSync(file).size - 1)
    const truncated = await failureOf(resolveDataset({ kind: 'test', path: lmdb }, options))
    expect(truncated.code).toBe('truncated-file')
    expect(truncated.file).toBe(file)
    for (const content of ['not a database at all', Buffer.alloc(20_000)]) {
      writeFileSync(file, content)
      expect((await failureOf(resolveDataset({ kind: 'test', path: lmdb }, options))).code).toBe(
        'not-an-lmdb',
      )
    }
    expect(existsSync(file)).toBe(true)
  })
})

describe('a LevelDB', () => {
  it('is transcoded once, and only read', async () => {
    const folder = temporaryFolder()
    const leveldb = path.join(folder, 'cifar_leveldb')
    await writeLevelDb(leveldb, 1234)
    const before = listing(leveldb)
    const heard: number[] = []
    const options = {
      addon,
      cacheFolder: path.join(folder, 'cache'),
      onProgress: ({ entries }: { entries: number }) => heard.push(entries),
    }
    const first = await resolveDataset({ kind: 'train', path: leveldb }, options)
    expect(first.origin).toBe('leveldb')
    expect(first.info).toEqual({ entries: 1234, shape: [1, 2, 3], encoded: false, floatData: false })
    expect(path.dirname(first.folder)).toBe(options.cacheFolder)
    expect(heard.at(-1)).toBe(1234)
    const [one] = await addon.readDatums(first.folder, 1003, 1)
    expect(one.label).toBe(3)
    expect([...one.pixels]).toEqual([1003 % 256, 1, 2, 3, 4, 5])
    expect(listing(leveldb)).toEqual(before)

    heard.length = 0
    const made = statSync(path.join(first.folder, 'data.mdb')).mtimeMs
    expect(await resolveDataset({ kind: 'train', path: leveldb }, options)).toEqual(first)
    expect(statSync(path.join(first.folder, 'data.mdb')).mtimeMs).toBe(made)
    expect(heard).toEqual([])
    expect(readdirSync(options.cacheFolder)).toEqual([path.basename(first.folder)])
  })

  it('that changed is transcoded anew', async () => {
    const folder = temporaryFolder()
    const leveldb = path.join(folder, 'db')
    const options = { addon, cacheFolder: path.join(folder, 'cache') }
    await writeLevelDb(leveldb, 5)
    const first = await resolveDataset({ kind: 'train', path: leveldb }, options)
    const database = new ClassicLevel<Buffer, Buffer>(leveldb, {
      keyEncoding: 'buffer',
      valueEncoding: 'buffer',
    })
    await database.put(keyOf(5), datum([1, 2, 3, 4, 5, 6], 0))
    await database.close()
    const second = await resolveDataset({ kind: 'train', path: leveldb }, options)
    expect(second.folder).not.toBe(first.folder)
    expect(second.info.entries).toBe(6)
  })

  it('may be asked for by several at once', async () => {
    const folder = temporaryFolder()
    const leveldb = path.join(folder, 'db')
    await writeLevelDb(leveldb, 3000)
    const options = { addon, cacheFolder: path.join(folder, 'cache') }
    const all = await Promise.all(
      [1, 2, 3].map(() => resolveDataset({ kind: 'train', path: leveldb }, options)),
    )
    for (const resolved of all) expect(resolved).toEqual(all[0])
    expect(all[0].info.entries).toBe(3000)
    expect(readdirSync(options.cacheFolder)).toEqual([path.basename(all[0].folder)])
  })

  it('that is damaged or holds no Datums leaves nothing in the cache', async () => {
    const folder = temporaryFolder()
    const options = { addon, cacheFolder: path.join(folder, 'cache') }
    const damaged = path.join(folder, 'damaged')
    await writeLevelDb(damaged, 10)
    for (const name of readdirSync(damaged).filter((file) => file.startsWith('MANIFEST-'))) {
      writeFileSync(path.join(damaged, name), 'x'.repeat(100))
    }
    const error = await failureOf(resolveDataset({ kind: 'train', path: damaged }, options))
    expect(error.code).toBe('corrupt-file')
    expect(error.file).toBe(damaged)

    const other = path.join(folder, 'other')
    const database = new ClassicLevel(other)
    await database.put('key', 'no datum')
    await database.close()
    expect((await failureOf(resolveDataset({ kind: 'train', path: other }, options))).code).toBe('bad-datum')
    expect(readdirSync(options.cacheFolder)).toEqual([])
  })

  it.skipIf(!haveShared())('of MNIST gives the datums that the idx files give', async () => {
    const cacheFolder = temporaryFolder()
    const leveldb = sharedFile('fixtures', 'mnist-test-leveldb')
    const transcoded = await resolveDataset({ kind: 'test', path: leveldb }, { addon, cacheFolder })
    const converted = await resolveDataset({ kind: 'test', path: 'mnist' }, { addon, cacheFolder })
    expect(transcoded.info).toEqual(converted.info)
    const [a, b] = await Promise.all(
      [transcoded, converted].map(({ folder }) => addon.readDatums(folder, 0, 10_000)),
    )
    expect(a.length).toBe(10_000)
    const asText = (images: typeof a) => images.map(({ label, pixels }) => `${label} ${pixels.join()}`)
    expect(asText(a)).toEqual(asText(b))
  })
})

describe("the word 'mnist'", () => {
  it.each([
    ['train', 60_000, 61_763_584],
    ['test', 10_000, 10_338_304],
  ] as const)('is the %s database that Caffe makes of the idx files', async (kind, entries, bytes) => {
    const cacheFolder = temporaryFolder()
    const resolved = await resolveDataset({ kind, path: 'mnist' }, { addon, cacheFolder })
    expect(resolved).toEqual({
      folder: path.join(cacheFolder, `mnist_${kind}_lmdb`),
      origin: 'mnist',
      info: { entries, shape: [1, 28, 28], encoded: false, floatData: false },
    })
    expect(statSync(path.join(resolved.folder, 'data.mdb')).size).toBe(bytes)
    expect(readdirSync(cacheFolder)).toEqual([`mnist_${kind}_lmdb`])

    const idx = await findMnist()
    const labels = readFileSync(path.join(idx, mnistFiles[kind].labels.name)).subarray(8)
    const images = readFileSync(path.join(idx, mnistFiles[kind].images.name)).subarray(16)
    for (const [i, { label, pixels }] of (
      await addon.readDatums(resolved.folder, entries - 100, 100)
    ).entries()) {
      const item = entries - 100 + i
      expect(label).toBe(labels[item])
      expect(Buffer.from(pixels).equals(images.subarray(item * 784, (item + 1) * 784))).toBe(true)
    }
  })

  it('reads gzipped idx files, and refuses others', async () => {
    const folder = temporaryFolder()
    const mnistFolder = path.join(folder, 'idx')
    mkdirSync(mnistFolder)
    const { images, labels } = mnistFiles.test
    const found = await findMnist()
    for (const { name } of [images, labels]) {
      const zipped = createWriteStream(path.join(mnistFolder, `${name}.gz`))
      await pipeline(createReadStream(path.join(found, name)), createGzip(), zipped)
    }
    const options = { addon, cacheFolder: path.join(folder, 'cache'), mnistFolder }
    const resolved = await resolveDataset({ kind: 'test', path: 'mnist' }, options)
    expect(statSync(path.join(resolved.folder, 'data.mdb')).size).toBe(10_338_304)
    expect(readdirSync(options.cacheFolder)).toEqual(['mnist_test_lmdb'])

    rmSync(options.cacheFolder, { recursive: true })
    const zipped = path.join(mnistFolder, `${images.name}.gz`)
    truncateSync(zipped, 100_000)
    const cut = await failureOf(resolveDataset({ kind: 'test', path: 'mnist' }, options))
    expect(cut.code).toBe('corrupt-file')
    expect(cut.file).toBe(zipped)

    const plain = path.join(mnistFolder, images.name)
    cpSync(path.join(found, images.name), plain)
    const bytes = readFileSync(plain)
    bytes[5000] ^= 1
    writeFileSync(plain, bytes)
    const changed = await failureOf(resolveDataset({ kind: 'test', path: 'mnist' }, options))
    expect(changed.code).toBe('corrupt-file')
    expect(changed.message).toContain('sha256')

    rmSync(path.join(mnistFolder, `${labels.name}.gz`))
    rmSync(plain)
    rmSync(zipped)
    expect((await failureOf(resolveDataset({ kind: 'test', path: 'mnist' }, options))).code).toBe(
      'missing-file',
    )
    expect(readdirSync(options.cacheFolder)).toEqual([])
  })

  it('is made anew where it is damaged, and what a crash left is cleared', async () => {
    const cacheFolder = temporaryFolder()
    const lmdb = path.join(cacheFolder, 'mnist_test_lmdb')
    mkdirSync(lmdb)
    writeFileSync(path.join(lmdb, 'data.mdb'), Buffer.alloc(10_000))
    const twoHoursAgo = Date.now() / 1000 - 7200
    for (const [name, old] of [
      ['mnist_test_lmdb.partial-1-0x1', true],
      ['mnist_test_lmdb.partial-2-0x2', false],
    ] as const) {
      const partial = path.join(cacheFolder, name)
      mkdirSync(partial)
      writeFileSync(path.join(partial, 'data.mdb'), '')
      if (!old) continue
      utimesSync(path.join(partial, 'data.mdb'), twoHoursAgo, twoHoursAgo)
      utimesSync(partial, twoHoursAgo, twoHoursAgo)
    }
    const { info } = await resolveDataset({ kind: 'test', path: 'mnist' }, { addon, cacheFolder })
    expect(info.entries).toBe(10_000)
    expect(readdirSync(cacheFolder).sort()).toEqual(['mnist_test_lmdb', 'mnist_test_lmdb.partial-2-0x2'])
  })
})
