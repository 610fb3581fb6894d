// Where the window is, kept in the address so that a reload stays there.

import { onScopeDispose, readonly, ref } from 'vue'

export type Route =
  | { view: 'projects' }
  | { view: 'import' }
  | { view: 'project'; projectId: string }
  | { view: 'run'; projectId: string; runId: string }

export function parseRoute(hash: string): Route {
  const [first, projectId, second, runId] = hash.replace(/^#\/?/, '').split('/').map(decodeURIComponent)
  if (first === 'new') return { view: 'import' }
  if (first !== 'project' || !projectId) return { view: 'projects' }
  if (second === 'run' && runId) return { view: 'run', projectId, runId }
  return { view: 'project', projectId }
}

export function routeHash(route: Route): string {
  switch (route.view) {
    case 'projects':
      return '#/'
    case 'import':
      return '#/new'
    case 'project':
      return `#/project/${encodeURIComponent(route.projectId)}`
    case 'run':
      return `#/project/${encodeURIComponent(route.projectId)}/run/${encodeURIComponent(route.runId)}`
  }
}

export function goTo(route: Route): void {
  window.location.hash = routeHash(route)
}

export function useRoute() {
  const route = ref(parseRoute(window.location.hash))
  const update = () => (route.value = parseRoute(window.location.hash))
  window.addEventListener('hashchange', update)
  onScopeDispose(() => window.removeEventListener('hashchange', update))
  return readonly(route)
}
