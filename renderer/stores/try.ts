// Trying models out: what the project's models take, the image on show, what both models say of it.

import { defineStore } from 'pinia'
import { computed, ref, shallowRef } from 'vue'

import type { ClassAccuracy, ShownError, TryAnswer, TryNet } from '../../preload/contract'
import { call, toRecord } from '../bridge'

export interface ShownImage {
  /** (C, H, W), 0..255, colour as BGR */
  pixels: Float32Array
  label: number | null
  /** Of the test set; null for a drawing or a file. */
  index: number | null
  source: 'test' | 'file' | 'drawing'
}

export const useTryStore = defineStore('try', () => {
  const projectId = ref<string | null>(null)
  const net = shallowRef<TryNet | null>(null)
  const netError = shallowRef<ShownError | null>(null)
  const image = shallowRef<ShownImage | null>(null)
  const answer = shallowRef<TryAnswer | null>(null)
  const error = shallowRef<ShownError | null>(null)
  const pruned = shallowRef<{ runId: string; modelId: string } | null>(null)
  const classes = shallowRef<ClassAccuracy | null>(null)
  /** Asked while a prediction is under way: only the last is asked afterwards. */
  let waiting = false
  let asking = false

  /** As MNIST's: one small grey channel. */
  const drawable = computed(() => {
    const [channels, height, width] = net.value?.inputShape ?? [0, 0, 0]
    return channels === 1 && height === 28 && width === 28
  })

  async function open(id: string): Promise<void> {
    if (projectId.value !== id) {
      projectId.value = id
      net.value = null
      image.value = null
      answer.value = null
      pruned.value = null
      classes.value = null
    }
    netError.value = null
    try {
      const found = await call('try:net', { projectId: id })
      if (projectId.value === id) net.value = found
    } catch (thrown) {
      if (projectId.value === id) netError.value = toRecord(thrown)
    }
  }

  async function choose(model: { runId: string; modelId: string } | null): Promise<void> {
    pruned.value = model
    classes.value = null
    if (model === null || projectId.value === null) return
    const known = await call('try:known-classes', { projectId: projectId.value, ...model }).catch(() => null)
    if (pruned.value === model) classes.value = known
    await predict()
  }

  async function showTestImage(index: number): Promise<void> {
    if (projectId.value === null) return
    try {
      const found = await call('try:image', { projectId: projectId.value, index })
      await show({ ...found, source: 'test' })
    } catch (thrown) {
      error.value = toRecord(thrown)
    }
  }

  async function show(shown: ShownImage): Promise<void> {
    image.value = shown
    await predict()
  }

  function clear(): void {
    image.value = null
    answer.value = null
    error.value = null
  }

  async function predict(): Promise<void> {
    if (asking) {
      waiting = true
      return
    }
    asking = true
    try {
      do {
        waiting = false
        await ask()
      } while (waiting)
    } finally {
      asking = false
    }
  }

  async function ask(): Promise<void> {
    const shown = image.value
    if (shown === null || projectId.value === null) return
    try {
      const { pixels } = shown
      const found = await call('try:predict', { projectId: projectId.value, pixels, ...pruned.value })
      if (image.value === null) return
      answer.value = found
      error.value = null
    } catch (thrown) {
      error.value = toRecord(thrown)
    }
  }

  return {
    projectId,
    net,
    netError,
    image,
    answer,
    error,
    pruned,
    classes,
    drawable,
    open,
    choose,
    show,
    showTestImage,
    clear,
  }
})
