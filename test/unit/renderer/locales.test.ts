// The texts: the same keys in every language, every key used is there, every key there is used.

import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'

import { describe, expect, it } from 'vitest'

const root = path.resolve(import.meta.dirname, '../../..')
/** Files below a folder of the checkout, by their endings. */
function filesIn(folder: string, ...endings: string[]): string[] {
  return readdirSync(path.join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((file) => endings.some((ending) => file.endsWith(ending)))
    .map((file) => path.join(root, folder, file))
}

const languages = ['en', 'zh-CN'] as const
type Texts = { [key: string]: string | Texts }

/** `area.name` -> text. */
function textsOf(language: string): Map<string, string> {
  const found = new Map<string, string>()
  const add = (prefix: string, texts: Texts): void => {
    for (const [name, value] of Object.entries(texts)) {
      const key = `${prefix}.${name}`
      if (typeof value === 'string') found.set(key, value)
      else add(key, value)
    }
  }
  for (const file of filesIn(`resources/locales/${language}`, '.json'))
    add(path.basename(file, '.json'), JSON.parse(readFileSync(file, 'utf8')) as Texts)
  return found
}

const texts = { en: textsOf('en'), 'zh-CN': textsOf('zh-CN') }
const areas = new Set([...texts.en.keys()].map((key) => key.split('.')[0]))

const sources = [
  ...filesIn('renderer', '.ts', '.vue'),
  // main and its report use texts of their own locale files by name
  ...filesIn('main', '.ts'),
].map((file) => ({ file: path.relative(root, file), text: readFileSync(file, 'utf8') }))

/** Written as a whole: any quoted `area.name`, wherever it stands (t('…'), a table of keys). */
const literal = /(['`])([a-z][\w-]*(?:\.[\w-]+)+)\1/g
/** As the argument of a call that shows it. */
const shown = /\bt\(\s*(['`])([a-z][\w-]*(?:\.[\w-]+)+)\1/g
/** With a part put in: `area.name.${…}`. */
const template = /`([a-z][\w-]*\.(?:[\w.-]|\$\{[^}]*\})*)`/g
/** The calls of main's Texts, whose keys carry no area: t('quit'), or any quoted word of main/menu.ts and main/shell. */
const native = /'([a-zA-Z]+)'/g

const literals: { key: string; file: string }[] = []
const calls: { key: string; file: string }[] = []
const templates: { pattern: RegExp; file: string; text: string }[] = []
const nativeWords = new Set<string>()
for (const { file, text } of sources) {
  for (const [, , key] of text.matchAll(literal))
    if (areas.has(key.split('.')[0])) literals.push({ key, file })
  for (const [, , key] of text.matchAll(shown)) calls.push({ key, file })
  for (const [, whole] of text.matchAll(template)) {
    if (!whole.includes('${') || !areas.has(whole.split('.')[0])) continue
    const parts = whole.split(/\$\{[^}]*\}/).map((part) => part.replaceAll('.', '\\.'))
    const pattern = parts.join('[\\w-]+')
    templates.push({ pattern: new RegExp(`^${pattern}$`), file, text: whole })
  }
  if (file === 'main/menu.ts' || file.startsWith('main/shell/'))
    for (const [, word] of text.matchAll(native)) nativeWords.add(word)
}

const placeholders = (text: string) => [...new Set(text.match(/\{[^}]+\}/g) ?? [])].sort()

/** What stays as it is in Chinese: names, units, formats and terms of the field, and what a value fills. */
const latinTerms =
  /\{[^}]*\}|OLMP Studio|OLMP|NCS|caffemodel|Caffe|solverstate|prototxt|ONNX Runtime|ONNX|onnxruntime|oneDNN|Electron|Chromium|Node\.js|CUDA|CPU|GPU|CSV|HTML|JSON|PNG|JPEG|LMDB|LevelDB|HDF5|MNIST|LeNet|gzip|CSR|COO|English|Pareto|MIT|kB|MB|GB|ms|px|Ctrl|Alt|Shift|Esc|Enter|F8|seed|mu|sigma|delta|gamma|power|base_lr|crate|blob|SGD|NumPy/gi

describe('the locale files', () => {
  it('hold texts', () => {
    expect(texts.en.size).toBeGreaterThan(100)
    expect(literals.length).toBeGreaterThan(100)
  })

  it('have the same keys in both languages', () => {
    const missing = (a: Map<string, string>, b: Map<string, string>) =>
      [...a.keys()].filter((key) => !b.has(key))
    expect({
      'only in en': missing(texts.en, texts['zh-CN']),
      'only in zh-CN': missing(texts['zh-CN'], texts.en),
    }).toEqual({ 'only in en': [], 'only in zh-CN': [] })
  })

  it('hold every key that is used', () => {
    expect(calls.length).toBeGreaterThan(100)
    expect(calls.filter(({ key }) => !texts.en.has(key))).toEqual([])
    expect(templates.filter(({ pattern }) => ![...texts.en.keys()].some((key) => pattern.test(key)))).toEqual(
      [],
    )
  })

  it('hold no key that nobody uses', () => {
    const written = new Set(literals.map(({ key }) => key))
    const unused = [...texts.en.keys()].filter((key) => {
      if (written.has(key) || templates.some(({ pattern }) => pattern.test(key))) return false
      const [area, name] = key.split('.')
      if (area === 'native') return !nativeWords.has(name)
      // a group handed on by its name, whose parts are put in elsewhere
      return ![...written].some((prefix) => key.startsWith(`${prefix}.`))
    })
    expect(unused).toEqual([])
  })

  it('put the same values into both languages', () => {
    const different = [...texts.en]
      .filter(([key, text]) => {
        const other = texts['zh-CN'].get(key)
        return other !== undefined && placeholders(text).join() !== placeholders(other).join()
      })
      .map(([key]) => key)
    expect(different).toEqual([])
  })

  it.each(languages)('leave no text of %s empty', (language) => {
    // a number may have no unit
    const empty = [...texts[language]].filter(([key, text]) => text.trim() === '' && !key.endsWith('.unit'))
    expect(empty).toEqual([])
  })

  it('are Chinese where they say so', () => {
    const foreign = [...texts['zh-CN']].filter(
      ([, text]) => !/\p{Script=Han}/u.test(text) && /[A-Za-z]{2,}/.test(text.replace(latinTerms, '')),
    )
    expect(foreign).toEqual([])
  })
})
