// @vitest-environment happy-dom
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createPinia } from 'pinia'
import { type App, type Component, createApp } from 'vue'

import type { FrontRecord, RunResult } from '../../../preload/contract'
import ErrorNotice from '../../../renderer/components/ErrorNotice.vue'
import FrontCard from '../../../renderer/components/monitor/FrontCard.vue'
import { i18n } from '../../../renderer/i18n'

let app: App | null = null

function mount(component: Component, props: Record<string, unknown>): HTMLElement {
  const host = document.createElement('div')
  document.body.append(host)
  app = createApp(component, props).use(i18n).use(createPinia())
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

describe('FrontCard', () => {
  beforeEach(() => void Object.assign(window, { api: { on: () => () => undefined } }))

  const point = (kept: number, validationAccuracy: number): FrontRecord => ({
    iteration: kept,
    cycle: 1,
    kept,
    compression: 1000 / kept,
    testAccuracy: 0.98,
    seconds: 1,
    validationAccuracy,
  })
  const front = [point(1000, 0.992), point(100, 0.991), point(50, 0.95)]

  it('says how the net chosen was judged: the rule, its noise and what it compares with', () => {
    const validation = { accuracy: 0.991, referenceAccuracy: 0.992, images: 10_000, loss: 0.002 } as const
    const shown = (against?: 'given' | 'fine-tuned'): string => {
      const result = { sparsity: { kept: 100 }, validation: { ...validation, against } } as RunResult
      const host = mount(FrontCard, { projectId: 'p', runId: 'r', front, result, possible: true })
      return host.textContent.replace(/\s+/g, ' ')
    }
    const fineTuned = shown('fine-tuned')
    expect(fineTuned).toContain('The net that answers the goal.')
    expect(fineTuned).toContain('At most 0.20 points below 99.20% on 10,000 training images held out')
    expect(fineTuned).toContain('(standard error of the net’s own: 0.09 points)')
    expect(fineTuned).toContain('Compared with the given net fine-tuned without them.')
    app?.unmount()
    expect(shown('given')).toContain('Compared with the given net, which may have seen them.')
  })

  it('says nothing of a judgement where there was none', () => {
    const result = { sparsity: { kept: 100 } } as RunResult
    const text = mount(FrontCard, { projectId: 'p', runId: 'r', front, result, possible: true }).textContent
    expect(text).toContain('The net that answers the goal.')
    expect(text).not.toContain('held out (')
  })
})
