// The app's settings; language takes effect here, theme in main.

import { defineStore } from 'pinia'
import { computed, shallowRef } from 'vue'

import type { SettingsPatch, SettingsState } from '../../preload/contract'
import { call, onEvent } from '../bridge'
import { setLanguage } from '../i18n'

export const useSettingsStore = defineStore('settings', () => {
  /** null until loaded. */
  const state = shallowRef<SettingsState | null>(null)
  const settings = computed(() => state.value?.settings ?? null)

  function take(changed: SettingsState): void {
    state.value = changed
    setLanguage(changed.language)
  }

  async function load(): Promise<void> {
    take(await call('settings:get'))
  }

  async function set(patch: SettingsPatch): Promise<void> {
    take(await call('settings:set', patch))
  }

  onEvent('settings:changed', take)

  return { state, settings, load, set }
})
