// What can be done with a project of the browser, as a menu and by keys.

import {
  Copy,
  FolderOpen,
  FolderSearch,
  Minimize2,
  PencilLine,
  SquareArrowOutUpRight,
  Trash2,
} from '@lucide/vue'
import { shallowRef } from 'vue'
import { useI18n } from 'vue-i18n'
import { useRouter } from 'vue-router'

import type { ProjectListItem } from '../../../preload/contract'
import { call } from '../../bridge'
import { useAction } from '../../composables/useAction'
import { useProjectsStore } from '../../stores/projects'
import { type MenuItem, useToasts } from '../../ui'

/** The name asked for: of this project, or of its copy. */
export interface NameRequest {
  purpose: 'rename' | 'duplicate'
  project: ProjectListItem
}

export function useProjectMenu() {
  const { t } = useI18n()
  const router = useRouter()
  const projects = useProjectsStore()
  const toasts = useToasts()
  const asked = shallowRef<NameRequest | null>(null)

  function go(name: string, { id }: ProjectListItem): void {
    void router.push({ name, params: { projectId: id } })
  }

  const remove = useAction(async (project: ProjectListItem) => {
    const undo = await projects.remove(project.id)
    toasts.show({
      title: t('projects.deleted', { name: project.name }),
      action: { label: t('common.undo'), run: () => void restore.run(undo) },
    })
  })
  const restore = useAction((undo: string) => projects.undoRemove(undo))
  const reveal = useAction((projectId: string, what: 'project' | 'model') =>
    call('projects:reveal', { projectId, what }),
  )

  function menu(project: ProjectListItem): MenuItem[] {
    return [
      { label: t('projects.open'), icon: SquareArrowOutUpRight, onSelect: () => go('overview', project) },
      {
        label: t('projects.compress'),
        icon: Minimize2,
        disabled: project.obstacleCode !== null,
        onSelect: () => go('compress', project),
      },
      {
        separator: true,
        label: t('projects.rename'),
        icon: PencilLine,
        shortcut: 'F2',
        onSelect: () => (asked.value = { purpose: 'rename', project }),
      },
      {
        label: t('projects.duplicate'),
        icon: Copy,
        shortcut: 'Ctrl+D',
        onSelect: () => (asked.value = { purpose: 'duplicate', project }),
      },
      {
        separator: true,
        label: t('projects.revealModel'),
        icon: FolderSearch,
        onSelect: () => void reveal.run(project.id, 'model'),
      },
      {
        label: t('projects.revealProject'),
        icon: FolderOpen,
        onSelect: () => void reveal.run(project.id, 'project'),
      },
      {
        separator: true,
        label: t('projects.delete'),
        icon: Trash2,
        shortcut: 'Del',
        danger: true,
        onSelect: () => void remove.run(project),
      },
    ]
  }

  /** Keys pressed while a project has the focus. */
  function onKey(event: KeyboardEvent, project: ProjectListItem): void {
    const key = event.ctrlKey || event.metaKey ? `Ctrl+${event.key.toLowerCase()}` : event.key
    const actions: Record<string, () => void> = {
      F2: () => (asked.value = { purpose: 'rename', project }),
      'Ctrl+d': () => (asked.value = { purpose: 'duplicate', project }),
      Delete: () => void remove.run(project),
    }
    const action = actions[key]
    if (action === undefined) return
    event.preventDefault()
    action()
  }

  async function saveName({ purpose, project }: NameRequest, name: string): Promise<void> {
    if (purpose === 'rename') await projects.rename(project.id, name)
    else await projects.duplicate(project.id, name)
  }

  return { menu, onKey, asked, saveName, errors: [remove.error, restore.error, reveal.error] }
}
