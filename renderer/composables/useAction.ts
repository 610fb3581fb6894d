// A request the user starts: whether it is under way, and what it was refused with.

import { ref, shallowRef } from 'vue'

import type { ShownError } from '../../preload/contract'
import { toRecord } from '../bridge'

export function useAction<A extends unknown[]>(work: (...args: A) => Promise<void>) {
  const pending = ref(false)
  const error = shallowRef<ShownError | null>(null)

  async function run(...args: A): Promise<void> {
    if (pending.value) return
    pending.value = true
    error.value = null
    try {
      await work(...args)
    } catch (thrown) {
      error.value = toRecord(thrown)
    } finally {
      pending.value = false
    }
  }

  return { pending, error, run }
}
