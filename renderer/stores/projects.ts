import { defineStore } from 'pinia'
import { ref, shallowRef } from 'vue'

import type {
  ErrorRecord,
  ModelReport,
  ProjectDetails,
  ProjectListItem,
  RunSummary,
} from '../../preload/contract'
import { call, onEvent } from '../bridge'

export const useProjectsStore = defineStore('projects', () => {
  /** null while the first list is on its way. */
  const list = shallowRef<ProjectListItem[] | null>(null)
  const problems = shallowRef<ErrorRecord[]>([])
  /** What is being made ready at the first start, if anything. */
  const preparing = ref<string | null>(null)
  const current = shallowRef<ProjectDetails | null>(null)

  async function load(): Promise<void> {
    const answer = await call('projects:list')
    list.value = answer.projects
    problems.value = answer.problems
    preparing.value = answer.preparing
  }

  async function open(projectId: string): Promise<void> {
    if (current.value?.project.id !== projectId) current.value = null
    current.value = await call('projects:open', { projectId })
  }

  async function create(report: ModelReport, name: string): Promise<string> {
    const project = await call('projects:create', { name: name.trim() || undefined, source: report.source })
    return project.id
  }

  async function remove(projectId: string): Promise<void> {
    await call('projects:delete', { projectId })
    await load()
  }

  function updateRun(summary: RunSummary): void {
    const details = current.value
    if (details === null || details.project.id !== summary.projectId) return
    const others = details.runs.filter((run) => run.id !== summary.id)
    const runs = [summary, ...others].sort((a, b) => b.started.localeCompare(a.started))
    current.value = { ...details, runs }
  }

  onEvent('projects:changed', () => {
    void load()
    if (current.value !== null) void open(current.value.project.id)
  })
  onEvent('runs:changed', updateRun)

  return { list, problems, preparing, current, load, open, create, remove }
})
