// The projects, and the one that is open.

import { defineStore } from 'pinia'
import { ref, shallowRef } from 'vue'

import type {
  ErrorRecord,
  ModelSource,
  Project,
  ProjectDetails,
  ProjectListItem,
  RunSummary,
} from '../../preload/contract'
import { call, onEvent } from '../bridge'

export type SampleId = 'lenet-300-100' | 'lenet-5'

export const useProjectsStore = defineStore('projects', () => {
  /** null while the first list is on its way. */
  const list = shallowRef<ProjectListItem[] | null>(null)
  const problems = shallowRef<ErrorRecord[]>([])
  /** Title of the sample being made ready, if any. */
  const preparing = ref<string | null>(null)
  const current = shallowRef<ProjectDetails | null>(null)

  async function load(): Promise<void> {
    const answer = await call('projects:list')
    list.value = answer.projects
    problems.value = answer.problems
    preparing.value = answer.preparing
  }

  async function open(projectId: string): Promise<void> {
    const isVisit = current.value?.project.id !== projectId
    if (isVisit) current.value = null
    current.value = await call('projects:open', { projectId })
    // Recent projects are a convenience: not remembering one is no reason to stop.
    if (isVisit) void call('projects:visit', { projectId }).catch(() => undefined)
  }

  async function create(source: ModelSource, name: string): Promise<string> {
    const project = await call('projects:create', { name: name.trim() || undefined, source })
    return project.id
  }

  async function addSample(sample: SampleId): Promise<string> {
    return (await call('projects:add-sample', { sample })).id
  }

  function rename(projectId: string, name: string): Promise<Project> {
    return call('projects:rename', { projectId, name })
  }

  function duplicate(projectId: string, name: string): Promise<Project> {
    return call('projects:duplicate', { projectId, name })
  }

  /** Answers what `undoRemove` wants. */
  async function remove(projectId: string): Promise<string> {
    const { undo } = await call('projects:delete', { projectId })
    if (current.value?.project.id === projectId) current.value = null
    return undo
  }

  function undoRemove(undo: string): Promise<void> {
    return call('app:undo-delete', { undo })
  }

  async function remap(projectId: string, dataTrain: string, dataTest: string): Promise<void> {
    await call('projects:remap', { projectId, dataTrain, dataTest })
  }

  async function reread(projectId: string): Promise<void> {
    await call('projects:reread', { projectId })
  }

  function updateRun(summary: RunSummary): void {
    const details = current.value
    if (details === null || details.project.id !== summary.projectId) return
    const others = details.runs.filter((run) => run.id !== summary.id)
    const runs = [summary, ...others].sort((a, b) => b.started.localeCompare(a.started))
    current.value = { ...details, runs }
  }

  /** The open project may be the one that was just deleted. */
  async function refresh(projectId: string): Promise<void> {
    const details = await call('projects:open', { projectId }).catch(() => null)
    if (current.value?.project.id === projectId) current.value = details
  }

  onEvent('projects:changed', () => {
    void load()
    if (current.value !== null) void refresh(current.value.project.id)
  })
  onEvent('runs:changed', updateRun)

  return {
    list,
    problems,
    preparing,
    current,
    load,
    open,
    create,
    addSample,
    rename,
    duplicate,
    remove,
    undoRemove,
    remap,
    reread,
  }
})
