// What a run would take here, measured anew when it is to run elsewhere.

import { watchDebounced } from '@vueuse/core'
import { computed, type Ref } from 'vue'

import { estimateRun, type LayerFact, type OlmpSettings, type RunEstimate } from '../../../preload/contract'
import { call } from '../../bridge'
import { useLatest } from '../../composables/useLatest'

/** Threads are stepped through: only where it stands still is it worth a measurement. */
const restMs = 350

export function useRunCosts(
  projectId: string,
  place: { device: Ref<'cpu' | 'cuda'>; tf32: Ref<boolean>; threads: Ref<number>; ready: Ref<boolean> },
  layers: Ref<LayerFact[]>,
) {
  const { pending, error, result, run } = useLatest(
    (device: 'cpu' | 'cuda', tf32: boolean, threads: number) =>
      call('compress:estimate', { projectId, device, tf32: tf32 && device === 'cuda', threads }),
  )
  const isFitting = computed(
    () => Number.isInteger(place.threads.value) && place.threads.value >= 1 && place.threads.value <= 256,
  )

  function measure(): void {
    if (place.ready.value && isFitting.value)
      void run(place.device.value, place.tf32.value, place.threads.value)
  }

  watchDebounced([place.device, place.tf32, place.threads, place.ready], measure, {
    debounce: restMs,
    immediate: true,
  })

  function estimateOf(settings: OlmpSettings): RunEstimate | null {
    const { value: costs } = result
    if (costs === null || !(settings.iterations >= 1) || !(settings.pruneInterval >= 1)) return null
    const estimate = estimateRun(settings, layers.value, costs)
    return Number.isFinite(estimate.seconds) ? estimate : null
  }

  return { pending, error, costs: result, estimateOf, measure }
}
