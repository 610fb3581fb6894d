// Where the window can be. Kept in the address, so that a reload stays there.

import { createRouter, createWebHashHistory, type RouteRecordRaw } from 'vue-router'

import type { ProjectTab } from '../preload/contract'
import CompressView from './views/CompressView.vue'
import DataView from './views/DataView.vue'
import ImportView from './views/ImportView.vue'
import ModelsView from './views/ModelsView.vue'
import NetView from './views/NetView.vue'
import OverviewView from './views/OverviewView.vue'
import ProjectRunsView from './views/ProjectRunsView.vue'
import ProjectShell from './views/ProjectShell.vue'
import ProjectsView from './views/ProjectsView.vue'
import QueueView from './views/QueueView.vue'
import RunsView from './views/RunsView.vue'
import RunView from './views/RunView.vue'
import SettingsView from './views/SettingsView.vue'
import TryView from './views/TryView.vue'

/** The views of a project, in the order of its tabs. Every one takes the prop `projectId`. */
export const projectViews = [
  { path: '', name: 'overview', component: OverviewView, props: true },
  { path: 'net', name: 'net', component: NetView, props: true },
  { path: 'data', name: 'data', component: DataView, props: true },
  { path: 'compress', name: 'compress', component: CompressView, props: true },
  { path: 'runs', name: 'project-runs', component: ProjectRunsView, props: true },
  { path: 'models', name: 'models', component: ModelsView, props: true },
  { path: 'try', name: 'try', component: TryView, props: true },
] satisfies RouteRecordRaw[]

/** Their names, in the order of the tabs. */
export const projectTabs = projectViews.map(({ name }) => name) as ProjectTab[]

export function isProjectTab(name: string): name is ProjectTab {
  return projectTabs.some((tab) => tab === name)
}

const routes: RouteRecordRaw[] = [
  { path: '/', name: 'projects', component: ProjectsView },
  { path: '/new', name: 'import', component: ImportView },
  { path: '/runs', name: 'runs', component: RunsView },
  { path: '/queue', name: 'queue', component: QueueView },
  { path: '/settings', name: 'settings', component: SettingsView },
  {
    path: '/project/:projectId',
    component: ProjectShell,
    props: true,
    children: [...projectViews, { path: 'run/:runId', name: 'run', component: RunView, props: true }],
  },
  { path: '/:rest(.*)*', redirect: { name: 'projects' } },
]

/** A reload finds its place in the address; a fresh start has none there, until the history is made. */
const isFreshStart = window.location.hash === ''

export const router = createRouter({ history: createWebHashHistory(), routes })

const placeKey = 'place'

/** The window opens where it was. */
export function rememberPlace(): void {
  const remembered = localStorage.getItem(placeKey)
  if (isFreshStart && remembered !== null) void router.replace(remembered)
  router.afterEach(({ fullPath }, _from, failure) => {
    if (failure === undefined) localStorage.setItem(placeKey, fullPath)
  })
}
