import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'

import { afterEach, beforeEach, describe, expect, it } from 'vitest'

import { parseSettings } from '../../../main/settings/parseSettings'
import { SettingsStore } from '../../../main/settings/SettingsStore'
import { defaultSettings } from '../../../main/settings/types'

describe('parseSettings', () => {
  it('brings format 0 to the present one', () => {
    const old = { locale: 'zh', theme: 'dark', threads: 0, checkpointInterval: 500 }
    expect(parseSettings(JSON.stringify(old))).toEqual({
      settings: { ...defaultSettings, language: 'zh-CN', theme: 'dark', checkpointIntervalIterations: 500 },
      refused: [],
    })
  })

  it('takes its own format as it is, and defaults for what is absent', () => {
    const kept = { formatVersion: 1, threads: 4 }
    expect(parseSettings(JSON.stringify(kept))).toEqual({
      settings: { ...defaultSettings, threads: 4 },
      refused: [],
    })
  })

  it.each([
    ['', 'not valid JSON'],
    ['[]', 'no settings'],
    ['{"formatVersion": 2}', 'newer version'],
    ['{"formatVersion": "1"}', 'not a number'],
  ])('refuses %s', (text, reason) => {
    const parsed = parseSettings(text)
    expect('reason' in parsed && parsed.reason).toContain(reason)
  })

  it.each([
    ['language', 'fr'],
    ['theme', 1],
    ['device', 'tpu'],
    ['threads', 0],
    ['threads', 1.5],
    ['dataFolder', ''],
    ['checkpointIntervalIterations', -1],
    ['keepCheckpoints', 0],
    ['notifications', 'yes'],
  ])('names %s where it is %s, and keeps the rest', (name, value) => {
    const kept = { formatVersion: 1, theme: 'dark', [name]: value }
    const parsed = parseSettings(JSON.stringify(kept))
    expect(parsed).toMatchObject({ refused: [name] })
    if (!('settings' in parsed)) throw new Error('refused as a whole')
    expect(parsed.settings[name as keyof typeof defaultSettings]).toBe(
      defaultSettings[name as keyof typeof defaultSettings],
    )
    if (name !== 'theme') expect(parsed.settings.theme).toBe('dark')
  })
})

describe('SettingsStore', () => {
  let folder: string
  let file: string

  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'olmp-settings-'))
    file = path.join(folder, 'settings.json')
  })

  afterEach(() => rmSync(folder, { recursive: true, force: true }))

  it('keeps what is set, and tells of it', () => {
    const store = new SettingsStore(file)
    const heard: unknown[] = []
    store.on('changed', (settings) => heard.push(settings))
    store.set({ threads: 2 })
    store.set({ theme: 'dark' })
    expect(new SettingsStore(file).get()).toEqual({ ...defaultSettings, threads: 2, theme: 'dark' })
    expect(heard).toHaveLength(2)
  })

  it('leaves alone what a patch names without a value', () => {
    const store = new SettingsStore(file)
    store.set({ theme: 'dark' })
    store.set({ theme: undefined, threads: 3 })
    expect(store.get()).toEqual({ ...defaultSettings, theme: 'dark', threads: 3 })
  })

  it('sets aside a file it cannot read, says so, and starts with defaults', () => {
    writeFileSync(file, '{ "theme": ')
    const store = new SettingsStore(file)
    expect(store.get()).toEqual(defaultSettings)
    expect(store.problem?.message).toContain('not valid JSON')
    const [aside] = readdirSync(folder)
    expect(aside).toMatch(/unreadable$/)
    expect(readFileSync(path.join(folder, aside), 'utf8')).toBe('{ "theme": ')
    expect(store.problem?.file).toBe(path.join(folder, aside))
  })

  it('keeps the valid values of a file with a wrong one, and the file', () => {
    writeFileSync(file, JSON.stringify({ formatVersion: 1, theme: 'dark', threads: 'many' }))
    const store = new SettingsStore(file)
    expect(store.get()).toEqual({ ...defaultSettings, theme: 'dark' })
    expect(store.problem?.message).toContain('threads')
    expect(new SettingsStore(file).problem).toBeNull()
    expect(readdirSync(folder)).toHaveLength(2)
  })

  it.each([
    ['relative', 'absolute'],
    ['/absent/folder', 'not there'],
  ])('refuses the data folder %s', (dataFolder, message) => {
    const store = new SettingsStore(file)
    expect(() => store.set({ dataFolder })).toThrow(message)
    expect(store.get().dataFolder).toBeNull()
  })

  it('says where settings cannot be written', () => {
    // A file where the folder should be, because root may write anywhere.
    writeFileSync(path.join(folder, 'taken'), '')
    chmodSync(path.join(folder, 'taken'), 0o600)
    const store = new SettingsStore(path.join(folder, 'taken', 'settings.json'))
    expect(() => store.set({ threads: 1 })).toThrow('could not be saved')
    expect(store.get().threads).toBeNull()
  })
})
