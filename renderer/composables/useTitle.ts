// The window's title: where it is. Electron shows the document's.

import { watchEffect } from 'vue'
import { useI18n } from 'vue-i18n'
import { useRoute } from 'vue-router'

import { isProjectTab } from '../router'
import { useProjectsStore } from '../stores/projects'

export function useTitle(): void {
  const { t } = useI18n()
  const route = useRoute()
  const projects = useProjectsStore()

  watchEffect(() => {
    const { name } = route
    const project = typeof route.params.projectId === 'string' ? projects.current?.project.name : undefined
    const view =
      typeof name !== 'string'
        ? undefined
        : isProjectTab(name)
          ? t(`shell.tabs.${name}`)
          : t(`shell.views.${name}`)
    document.title = [view, project, 'OLMP Studio'].filter((part) => part !== undefined).join(' – ')
  })
}
