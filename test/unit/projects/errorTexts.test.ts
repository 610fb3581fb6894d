// The texts of errors belong to codes that are thrown somewhere, in both languages.

import { readdirSync, readFileSync, statSync } from 'node:fs'
import path from 'node:path'

import { describe, expect, it } from 'vitest'

const root = path.resolve(import.meta.dirname, '../../..')
const texts = (language: string) =>
  JSON.parse(readFileSync(path.join(root, `resources/locales/${language}/errors.json`), 'utf8')) as Record<
    string,
    string
  >

function sources(folder: string): string[] {
  return readdirSync(folder).flatMap((name) => {
    const file = path.join(folder, name)
    if (statSync(file).isDirectory()) return file === path.join(root, 'native/build') ? [] : sources(file)
    return /\.(ts|cpp|h|cu)$/.test(name) ? [readFileSync(file, 'utf8')] : []
  })
}

describe('texts of errors', () => {
  const code = ['main', 'preload', 'native'].flatMap((folder) => sources(path.join(root, folder))).join('\n')

  it('are there in both languages', () => {
    expect(Object.keys(texts('zh-CN'))).toEqual(Object.keys(texts('en')))
  })

  it.each(Object.keys(texts('en')).filter((key) => key !== 'title'))('%s is thrown somewhere', (key) => {
    expect(code.includes(`'${key}'`) || code.includes(`"${key}"`)).toBe(true)
  })
})
