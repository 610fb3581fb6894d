import { defineStore } from 'pinia'
import { ref, shallowRef } from 'vue'

import type { AppInfo, EngineStatus } from '../../preload/contract'
import { call, onEvent } from '../bridge'

export const useAppStore = defineStore('app', () => {
  const info = shallowRef<AppInfo | null>(null)
  const engine = ref<EngineStatus>({ state: 'idle' })

  async function load(): Promise<void> {
    info.value = await call('app:info')
    engine.value = info.value.engine
  }

  onEvent('engine:status', (status) => (engine.value = status))

  return { info, engine, load }
})
