// @vitest-environment happy-dom
import { createPinia, setActivePinia } from 'pinia'
import { describe, expect, it } from 'vitest'

import type { RunSummary } from '../../../preload/contract'
import { useQueueStore } from '../../../renderer/stores/queue'

/** A main whose queue answers a move when it is told to. */
function makeMain(): { answers: (() => void)[] } {
  let order = ['one', 'two', 'three']
  const answers: (() => void)[] = []
  const listed = (): RunSummary[] =>
    order.map((id) => ({ projectId: 'p', id, state: 'queued' }) as RunSummary)
  const api = {
    on: () => () => undefined,
    'queue:list': async () => ({ ok: true, value: { entries: listed(), held: false } }),
    'queue:move': ({ address, index }: { address: { runId: string }; index: number }) =>
      new Promise((resolve) => {
        answers.push(() => {
          const others = order.filter((id) => id !== address.runId)
          order = [...others.slice(0, index), address.runId, ...others.slice(index)]
          resolve({ ok: true, value: undefined })
        })
      }),
  }
  Object.assign(window, { api })
  return { answers }
}

describe('the queue', () => {
  it('shows a second move while main works on the first, and never the order between', async () => {
    const { answers } = makeMain()
    setActivePinia(createPinia())
    const queue = useQueueStore()
    const shown = (): string[] => queue.waiting.map(({ id }) => id)
    await queue.load()
    const address = { projectId: 'p', runId: 'three' }
    const first = queue.move(address, 1)
    const second = queue.move(address, 0)
    expect(shown()).toEqual(['three', 'one', 'two'])
    answers[0]()
    await first
    expect(shown()).toEqual(['three', 'one', 'two'])
    answers[1]()
    await second
    expect(shown()).toEqual(['three', 'one', 'two'])
  })
})
