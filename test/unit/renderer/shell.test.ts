// @vitest-environment happy-dom
import { createPinia, setActivePinia } from 'pinia'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type App, type Component, createApp, h, nextTick } from 'vue'

import type { Events, SettingsState } from '../../../preload/contract'
import { type Command, matching } from '../../../renderer/components/shell/commands'
import NumberSetting from '../../../renderer/components/shell/NumberSetting.vue'
import { routeOf } from '../../../renderer/composables/useGoTo'
import { i18n } from '../../../renderer/i18n'
import { useAppStore } from '../../../renderer/stores/app'
import { useSettingsStore } from '../../../renderer/stores/settings'
import { UiProgress, UiSelect, UiSplit, useToasts } from '../../../renderer/ui'

let app: App | null = null
const listeners = new Map<string, (payload: never) => void>()

function emit<E extends keyof Events>(name: E, payload: Events[E]): void {
  ;(listeners.get(name) as ((payload: Events[E]) => void) | undefined)?.(payload)
}

function mount(component: Component, props: Record<string, unknown>, slots = {}): HTMLElement {
  const host = document.createElement('div')
  document.body.append(host)
  app = createApp({ render: () => h(component, props, slots) }).use(i18n)
  app.mount(host)
  return host
}

beforeEach(() => {
  setActivePinia(createPinia())
  listeners.clear()
  const on = (name: string, listener: (payload: never) => void) => {
    listeners.set(name, listener)
    return () => undefined
  }
  Object.assign(window, { api: { on } })
})

afterEach(() => {
  app?.unmount()
  app = null
  document.body.replaceChildren()
  localStorage.clear()
})

describe('the palette', () => {
  const command = (label: string, detail?: string): Command => ({
    id: label,
    group: 'actions',
    label,
    detail,
    run: () => undefined,
  })
  const commands = [command('Pause the run'), command('Runs'), command('LeNet-5', '/models/run one')]
  const labels = (search: string) => matching(commands, search).map(({ label }) => label)

  it('finds every word, in any case, in label and detail', () => {
    expect(labels('')).toHaveLength(3)
    expect(labels('LENET models')).toEqual(['LeNet-5'])
    expect(labels('run pause')).toEqual(['Pause the run'])
    expect(labels('absent')).toEqual([])
  })

  it('puts first what begins with the search', () => {
    expect(labels('run')).toEqual(['Runs', 'Pause the run', 'LeNet-5'])
  })
})

describe('routeOf', () => {
  it.each([
    [{ view: 'queue' }, null, { name: 'queue' }],
    [{ view: 'import', folder: '/m' }, null, { name: 'import', query: { folder: '/m' } }],
    [{ view: 'import' }, null, { name: 'import', query: {} }],
    [{ view: 'tab', tab: 'net' }, 'p', { name: 'net', params: { projectId: 'p' } }],
    [{ view: 'tab', tab: 'net' }, null, null],
    [
      { view: 'run', projectId: 'p', runId: 'r' },
      'q',
      { name: 'run', params: { projectId: 'p', runId: 'r' } },
    ],
  ] as const)('%j with project %s', (destination, projectId, expected) => {
    expect(routeOf(destination, projectId)).toEqual(expected)
  })
})

describe('toasts', () => {
  it('keep the newest four, and go when dismissed', () => {
    const { toasts, show, dismiss } = useToasts()
    for (const title of ['1', '2', '3', '4', '5']) show({ title })
    expect(toasts.value.map(({ title }) => title)).toEqual(['2', '3', '4', '5'])
    for (const { number } of toasts.value) dismiss(number)
    expect(toasts.value).toEqual([])
  })
})

describe('the app store', () => {
  it('follows how far the run that is on has come, and forgets it at its end', () => {
    const store = useAppStore()
    emit('engine:status', { state: 'running', projectId: 'p', runId: 'r' })
    expect(store.runFraction).toBeNull()
    const batch = (runId: string, iteration: number) =>
      emit('engine:run-events', {
        projectId: 'p',
        runId,
        events: [{ kind: 'phase', phase: 'pruning', text: '', iteration, iterations: 200 }],
      })
    batch('r', 50)
    batch('another', 150)
    expect(store.runFraction).toBe(0.25)
    emit('engine:status', { state: 'idle' })
    expect(store.runFraction).toBeNull()
  })
})

describe('the settings store', () => {
  it('turns the language at once', () => {
    const store = useSettingsStore()
    const state = { settings: { language: 'zh-CN' }, language: 'zh-CN' } as SettingsState
    emit('settings:changed', state)
    expect(store.settings?.language).toBe('zh-CN')
    expect(document.documentElement.lang).toBe('zh-CN')
    emit('settings:changed', { ...state, language: 'en' })
    expect(document.documentElement.lang).toBe('en')
  })
})

describe('NumberSetting', () => {
  async function type(value: string) {
    const saved: (number | null)[] = []
    const host = mount(NumberSetting, {
      name: 'Threads',
      meaning: '',
      unit: 'threads',
      value: 2,
      minimum: 1,
      maximum: 256,
      automatic: 'Automatic: 2',
      save: (number: number | null) => Promise.resolve(void saved.push(number)),
    })
    const input = host.querySelector('input') as HTMLInputElement
    input.value = value
    input.dispatchEvent(new Event('input'))
    input.dispatchEvent(new Event('change'))
    await nextTick()
    return { saved, alert: host.querySelector('[role=alert]')?.textContent.trim() }
  }

  it.each([
    ['4', [4]],
    ['', [null]],
    ['2', []],
  ])('takes "%s"', async (value, saved) => {
    expect(await type(value)).toEqual({ saved, alert: undefined })
  })

  it.each(['0', '257', '1.5', 'many'])('refuses "%s" and says the range', async (value) => {
    expect(await type(value)).toEqual({ saved: [], alert: 'A whole number from 1 to 256.' })
  })
})

describe('controls', () => {
  it('UiProgress tells a fraction as percent, and nothing where it is not known', () => {
    const bar = (value: number | null) => {
      const host = mount(UiProgress, { value, label: 'x' })
      return host.querySelector('[role=progressbar]')?.getAttribute('aria-valuenow')
    }
    expect(bar(0.254)).toBe('25')
    expect(bar(7)).toBe('100')
    expect(bar(null)).toBeNull()
  })

  it('UiSelect shows the label of its value, also of null', () => {
    const options = [
      { value: null, label: 'Automatic' },
      { value: 4, label: 'Four' },
    ]
    const shown = (modelValue: number | null) =>
      mount(UiSelect, { modelValue, options, label: 'Threads' }).querySelector('button')?.textContent
    expect(shown(null)).toContain('Automatic')
    expect(shown(4)).toContain('Four')
  })

  it('UiSplit moves by keys, within limits, and remembers', async () => {
    const bar = () => document.querySelector('[role=separator]') as HTMLElement
    const press = async (key: string) => {
      bar().dispatchEvent(new KeyboardEvent('keydown', { key }))
      await nextTick()
      return Number(bar().getAttribute('aria-valuenow'))
    }
    mount(UiSplit, { id: 'test', direction: 'horizontal' })
    expect(await press('ArrowRight')).toBe(52)
    expect(await press('ArrowUp')).toBe(52)
    expect(await press('Home')).toBe(10)
    expect(await press('End')).toBe(90)
    app?.unmount()
    document.body.replaceChildren()
    mount(UiSplit, { id: 'test', direction: 'horizontal' })
    expect(Number(bar().getAttribute('aria-valuenow'))).toBe(90)
  })
})
