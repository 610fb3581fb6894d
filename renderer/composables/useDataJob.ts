// Long work on a model's data: how far it is, what came of it, and how to end it early. Ended with its scope.

import { onScopeDispose, ref, shallowRef } from 'vue'

import type { ShownError } from '../../preload/contract'
import { call, onEvent, toRecord } from '../bridge'

export function useDataJob<A extends unknown[], T>(work: (job: string, ...args: A) => Promise<T>) {
  const pending = ref(false)
  /** 0..1 */
  const fraction = ref(0)
  const result = shallowRef<T | null>(null)
  const error = shallowRef<ShownError | null>(null)
  let current: string | null = null

  async function run(...args: A): Promise<void> {
    cancel()
    const job = crypto.randomUUID()
    current = job
    pending.value = true
    fraction.value = 0
    result.value = null
    error.value = null
    try {
      const value = await work(job, ...args)
      if (current === job) result.value = value
    } catch (thrown) {
      const record = toRecord(thrown)
      if (current === job && record.code !== 'cancelled') error.value = record
    } finally {
      if (current === job) {
        current = null
        pending.value = false
      }
    }
  }

  function cancel(): void {
    if (current === null) return
    void call('data:cancel', { job: current })
    current = null
    pending.value = false
  }

  const stopListening = onEvent('data:progress', (progress) => {
    if (progress.job === current) fraction.value = progress.fraction
  })
  onScopeDispose(() => {
    cancel()
    stopListening()
  })

  return { pending, fraction, result, error, run, cancel }
}
