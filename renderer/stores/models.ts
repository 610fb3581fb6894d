// The models of the project on show, and the work on them that is under way.

import { defineStore } from 'pinia'
import { reactive, shallowRef } from 'vue'

import type { ExportFormat, ModelProgress, ProjectModels, ShownError } from '../../preload/contract'
import { call, onEvent, toRecord } from '../bridge'

export interface ModelWork {
  job: string
  progress: ModelProgress | null
}

/** A model of a run; of the project itself (its reference), where no run is named. */
export interface ModelKey {
  projectId: string
  runId?: string
  modelId: string
}

export interface ExportChoice {
  projectId: string
  runId: string
  checkpoint?: string
  /** Instead: the net that the run kept at this iteration. */
  front?: number
  format: ExportFormat
  saveTitle?: string
}

export const useModelsStore = defineStore('models', () => {
  const current = shallowRef<{ projectId: string; models: ProjectModels } | null>(null)
  /** By what it is done to: see the keys below. */
  const work = reactive(new Map<string, ModelWork>())
  const failures = reactive(new Map<string, ShownError>())

  async function load(projectId: string): Promise<void> {
    if (current.value?.projectId !== projectId) current.value = null
    const models = await call('models:list', { projectId })
    current.value = { projectId, models }
  }

  /** null where it was cancelled or failed; why is in `failures`. */
  async function perform<T>(key: string, ask: (job: string) => Promise<T>): Promise<T | null> {
    if (work.has(key)) return null
    const job = crypto.randomUUID()
    work.set(key, { job, progress: null })
    failures.delete(key)
    try {
      return await ask(job)
    } catch (error) {
      const record = toRecord(error)
      if (record.code !== 'cancelled') failures.set(key, record)
      return null
    } finally {
      work.delete(key)
    }
  }

  function cancel(key: string): void {
    const { job } = work.get(key) ?? {}
    if (job !== undefined) void call('models:cancel', { job })
  }

  const exportModel = (choice: ExportChoice) =>
    perform(exportKey(choice.runId), (job) => call('models:export', { ...choice, job }))

  const prepareReference = (projectId: string) =>
    perform(referenceKey, (job) => call('models:prepare-reference', { projectId, job }))

  const verify = (model: ModelKey) =>
    perform(model.modelId, (job) => call('models:verify', { ...model, job }))

  const measure = (model: ModelKey) =>
    perform(model.modelId, (job) => call('models:measure', { ...model, job }))

  onEvent('models:progress', ({ job, ...progress }) => {
    for (const entry of work.values()) if (entry.job === job) entry.progress = progress
  })
  onEvent('models:changed', ({ projectId }) => {
    if (current.value?.projectId === projectId) void load(projectId)
  })

  return {
    current,
    work,
    failures,
    load,
    perform,
    cancel,
    exportModel,
    prepareReference,
    verify,
    measure,
  }
})

export const referenceKey = 'reference'
export const exportKey = (runId: string) => `export ${runId}`
