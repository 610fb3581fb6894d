// The net of the project on show: its graph, the layer selected, its sensitivity.

import { defineStore } from 'pinia'
import { computed, ref, shallowRef } from 'vue'

import type { NetPhase, SensitivityState, ShownError, ShownNet } from '../../preload/contract'
import { call, onEvent, toRecord } from '../bridge'

export const useNetStore = defineStore('net', () => {
  const projectId = ref('')
  /** null while it is on its way. */
  const shown = shallowRef<ShownNet | null>(null)
  const error = shallowRef<ShownError | null>(null)
  const selected = ref<string | null>(null)
  const sensitivity = shallowRef<SensitivityState | null>(null)
  const sensitivityError = shallowRef<ShownError | null>(null)

  const layer = computed(() => shown.value?.graph.layers.find(({ name }) => name === selected.value) ?? null)

  async function open(id: string, phase?: NetPhase): Promise<void> {
    if (projectId.value !== id) {
      projectId.value = id
      shown.value = null
      selected.value = null
      sensitivity.value = null
      sensitivityError.value = null
    }
    error.value = null
    try {
      const answer = await call('net:graph', { projectId: id, phase })
      if (projectId.value !== id) return
      shown.value = answer
      if (layer.value === null) selected.value = null
    } catch (thrown) {
      if (projectId.value === id) error.value = toRecord(thrown)
    }
  }

  function ofSensitivity(work: () => Promise<SensitivityState | void>): Promise<void> {
    sensitivityError.value = null
    return work().then(
      (state) => {
        if (state) take(state)
      },
      (thrown: unknown) => {
        sensitivityError.value = toRecord(thrown)
      },
    )
  }

  function take(state: SensitivityState): void {
    if (state.projectId === projectId.value) sensitivity.value = state
  }

  const loadSensitivity = (id: string) => ofSensitivity(() => call('sensitivity:get', { projectId: id }))
  const measure = (images: number) =>
    ofSensitivity(() => call('sensitivity:measure', { projectId: projectId.value, images }))
  const cancel = () => ofSensitivity(() => call('sensitivity:cancel', { projectId: projectId.value }))

  onEvent('sensitivity:changed', take)
  onEvent('sensitivity:failed', (failure) => {
    if (failure.projectId === projectId.value) sensitivityError.value = failure.error
  })

  return {
    projectId,
    shown,
    error,
    selected,
    layer,
    sensitivity,
    sensitivityError,
    open,
    loadSensitivity,
    measure,
    cancel,
  }
})
