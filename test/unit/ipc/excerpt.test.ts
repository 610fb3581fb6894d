import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'

import { afterAll, describe, expect, it } from 'vitest'

import { readExcerpt } from '../../../main/ipc/excerpt'

describe('readExcerpt', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'olmp-excerpt-'))
  const file = path.join(folder, 'net.prototxt')
  writeFileSync(file, 'one\r\ntwo\nthree\nfour\nfive')
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  it('gives the lines around the place', async () => {
    expect(await readExcerpt(file, 4)).toEqual({ firstLine: 2, lines: ['two', 'three', 'four', 'five'] })
    expect(await readExcerpt(file, 1)).toEqual({ firstLine: 1, lines: ['one', 'two'] })
    expect(await readExcerpt(file, 5)).toEqual({ firstLine: 3, lines: ['three', 'four', 'five'] })
  })

  it('gives nothing where there is nothing to show', async () => {
    expect(await readExcerpt(file, 6)).toBeNull()
    expect(await readExcerpt(file, 0)).toBeNull()
    expect(await readExcerpt(path.join(folder, 'absent'), 1)).toBeNull()
    expect(await readExcerpt(folder, 1)).toBeNull()
    const binary = path.join(folder, 'x.caffemodel')
    writeFileSync(binary, Buffer.from([10, 0, 1]))
    expect(await readExcerpt(binary, 1)).toBeNull()
  })
})
