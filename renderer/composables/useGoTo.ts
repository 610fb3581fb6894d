// Where main, the palette and the menu send the window.

import { type RouteLocationRaw, useRoute, useRouter } from 'vue-router'

import type { Destination } from '../../preload/contract'

/** null where it means a tab and no project is on show. */
export function routeOf(destination: Destination, projectId: string | null): RouteLocationRaw | null {
  switch (destination.view) {
    case 'import':
      return {
        name: 'import',
        query: destination.folder === undefined ? {} : { folder: destination.folder },
      }
    case 'project':
      return { name: 'overview', params: { projectId: destination.projectId } }
    case 'run':
      return { name: 'run', params: { projectId: destination.projectId, runId: destination.runId } }
    case 'tab':
      return projectId === null ? null : { name: destination.tab, params: { projectId } }
    default:
      return { name: destination.view }
  }
}

export function useGoTo() {
  const router = useRouter()
  const route = useRoute()
  return (destination: Destination): void => {
    const { projectId } = route.params
    const target = routeOf(destination, typeof projectId === 'string' ? projectId : null)
    if (target !== null) void router.push(target)
  }
}
