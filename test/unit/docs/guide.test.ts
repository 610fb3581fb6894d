// What the pages under docs/ point to is there, and what they tell to type exists.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'

import { describe, expect, it } from 'vitest'

import { olmp } from '../../cli/olmp'

const root = path.resolve(import.meta.dirname, '../../..')
const docs = path.join(root, 'docs')
const pages = readdirSync(docs, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.md'))
const read = (page: string): string => readFileSync(path.join(docs, page), 'utf8')

/** Lines that begin with olmp or npx olmp, inside fences. */
const commands = pages.flatMap((page) =>
  [...read(page).matchAll(/^```sh\n([\s\S]*?)^```/gm)].flatMap(([, block]) =>
    block
      .split('\n')
      .map((line) => line.replace(/\s+#.*$/, '').trim())
      .filter((line) => /^(npx )?olmp /.test(line))
      .map((line) => ({ page, words: line.replace(/^npx /, '').split(/\s+/).slice(1) })),
  ),
)

describe('the pages of docs', () => {
  it.each(pages)('%s points to what is there', (page) => {
    const targets = [...read(page).matchAll(/\]\(([^)\s]+)\)/g)].map(([, target]) => target)
    const missing = targets
      .filter((target) => !/^(https?:|mailto:|#)/.test(target))
      .filter((target) => !existsSync(path.resolve(docs, path.dirname(page), target.split('#')[0])))
    expect(missing).toEqual([])
  })

  it('tell commands and options that exist', async () => {
    expect(commands.length).toBeGreaterThan(8)
    const names = [...new Set(commands.map(({ words }) => words[0]))].filter((name) => !name.startsWith('-'))
    for (const name of names) {
      const { status, stdout } = await olmp([name, '--help'], { cache: '' })
      expect(status, name).toBe(0)
      const known = new Set(stdout.match(/--[a-z-]+/g))
      const used = commands.filter(({ words }) => words[0] === name).flatMap(({ words }) => words)
      const unknown = used.filter((word) => word.startsWith('--') && !known.has(word))
      expect(unknown, name).toEqual([])
    }
  })
})
