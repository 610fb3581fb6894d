// @vitest-environment happy-dom
import { afterEach, describe, expect, it } from 'vitest'
import { type App, type Component, createApp } from 'vue'

import ErrorNotice from '../../../renderer/components/ErrorNotice.vue'
import { i18n } from '../../../renderer/i18n'

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
