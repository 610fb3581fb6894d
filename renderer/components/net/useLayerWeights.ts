// A layer's weights, asked for when the layer, the model or the crate changes; the last answer counts.

import { onScopeDispose, shallowRef, watch } from 'vue'

import type { LayerWeights, RequestOf, ShownError } from '../../../preload/contract'
import { call, toRecord } from '../../bridge'

/** While a key is held or a slider moves nothing is asked for. */
const pauseMs = 100

export function useLayerWeights(request: () => RequestOf<'net:layer-weights'> | null) {
  const weights = shallowRef<LayerWeights | null>(null)
  const error = shallowRef<ShownError | null>(null)
  let timer: number | undefined
  let asked = 0

  async function load(): Promise<void> {
    const wanted = request()
    const number = ++asked
    error.value = null
    if (wanted === null) {
      weights.value = null
      return
    }
    if (weights.value?.layer !== wanted.layer) weights.value = null
    try {
      const answer = await call('net:layer-weights', wanted)
      if (number === asked) weights.value = answer
    } catch (thrown) {
      if (number !== asked) return
      weights.value = null
      error.value = toRecord(thrown)
    }
  }

  watch(
    () => JSON.stringify(request()),
    () => {
      window.clearTimeout(timer)
      timer = window.setTimeout(() => void load(), pauseMs)
    },
  )
  void load()
  onScopeDispose(() => {
    window.clearTimeout(timer)
    asked = -1
  })

  return { weights, error, load }
}
