import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, expect, it } from 'vitest'

import { readClassNames } from '../../../main/data/classNames'

const folder = mkdtempSync(path.join(tmpdir(), 'class-names-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

it('takes the file that has a line for every class', async () => {
  expect(await readClassNames(folder, 2)).toBeNull()
  writeFileSync(
    path.join(folder, 'synset_words.txt'),
    'n01440764 tench, Tinca tinca\r\nn01443537 goldfish\r\n',
  )
  writeFileSync(path.join(folder, 'labels.txt'), 'a\nb\nc\n')
  expect(await readClassNames(folder, 2)).toEqual(['tench, Tinca tinca', 'goldfish'])
  expect(await readClassNames(folder, 3)).toEqual(['a', 'b', 'c'])
  expect(await readClassNames(folder, 4)).toBeNull()
})
