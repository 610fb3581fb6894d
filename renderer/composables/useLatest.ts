// A question asked again before it is answered: only the answer to the last one counts.

import { ref, shallowRef } from 'vue'

import type { ShownError } from '../../preload/contract'
import { toRecord } from '../bridge'

export function useLatest<A extends unknown[], T>(ask: (...args: A) => Promise<T>) {
  const pending = ref(false)
  const error = shallowRef<ShownError | null>(null)
  const result = shallowRef<T | null>(null)
  let latest = 0

  /** The result before stays until the next is there. */
  async function run(...args: A): Promise<void> {
    const mine = ++latest
    pending.value = true
    error.value = null
    try {
      const answer = await ask(...args)
      if (mine === latest) result.value = answer
    } catch (thrown) {
      const record = toRecord(thrown)
      if (mine === latest && record.code !== 'cancelled') error.value = record
    } finally {
      if (mine === latest) pending.value = false
    }
  }

  /** Nothing is asked any more, and nothing is known. */
  function clear(): void {
    latest++
    pending.value = false
    error.value = null
    result.value = null
  }

  return { pending, error, result, run, clear }
}
