// @vitest-environment happy-dom
import { afterEach, describe, expect, it } from 'vitest'
import { type App, type Component, createApp, nextTick } from 'vue'

import CompressCard from '../../../renderer/components/CompressCard.vue'
import ErrorNotice from '../../../renderer/components/ErrorNotice.vue'
import { i18n } from '../../../renderer/i18n'
import type { CompressChoices } from '../../../preload/contract'
import { experimentSettings } from '../../../main/olmp/presets'

let app: App | null = null

function mount(component: Component, props: Record<string, unknown>): HTMLElement {
  const host = document.createElement('div')
  document.body.append(host)
  app = createApp(component, props).use(i18n)
  app.mount(host)
  return host
}

afterEach(() => {
  app?.unmount()
  document.body.replaceChildren()
})

describe('ErrorNotice', () => {
  it('shows the sentence, the place and the remedy', () => {
    const error = {
      code: 'unknown-field',
      message: "unknown field 'kernal_size'",
      file: '/m/net.prototxt',
      line: 12,
      column: 7,
      hint: "did you mean 'kernel_size'?",
      excerpt: { firstLine: 11, lines: ['  pad: 1', '\tx  { kernal_size: 5 }', '}'] },
    }
    const text = mount(ErrorNotice, { error }).textContent
    expect(text).toContain("Unknown field 'kernal_size'.")
    expect(text).toContain('/m/net.prototxt:12:7')
    expect(text).toContain('11    pad: 1\n12  \tx  { kernal_size: 5 }\n    \t     ^^^^^^^^^^^')
    expect(text).toContain("Did you mean 'kernel_size'?")
  })
})

describe('CompressCard', () => {
  it('starts with the suggestion, and with what was changed', async () => {
    const started: CompressChoices[] = []
    const suggested = experimentSettings('lenet-300-100', 'ncs')
    const onStart = (choices: CompressChoices) => started.push(choices)
    const host = mount(CompressCard, { suggested, threads: 2, pending: false, busy: false, onStart })
    const form = host.querySelector('form')
    form?.dispatchEvent(new Event('submit'))
    const quick = host.querySelector<HTMLInputElement>('input[value=quick]')
    quick?.click()
    await nextTick()
    form?.dispatchEvent(new Event('submit'))
    // a short run searches less often: two times are left of fifteen
    expect(host.textContent).toContain('About 2 searches of 1,600 evaluations in the first 1,500 iterations')
    const { searchMode, delta, seed, iterations, evaluations } = suggested
    expect(started).toEqual([
      { searchMode, delta, seed, iterations, evaluations, threads: 2 },
      { searchMode, delta, seed, iterations: 3000, evaluations, threads: 2 },
    ])
  })
})
