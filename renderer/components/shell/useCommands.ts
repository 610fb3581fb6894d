// The palette's commands: of the app, of the project on show, every project and run.

import {
  CirclePause,
  CircleStop,
  FileText,
  FolderKanban,
  FolderPlus,
  History,
  Info,
  Languages,
  LayoutPanelTop,
  MonitorCog,
} from '@lucide/vue'
import { computed } from 'vue'
import { useI18n } from 'vue-i18n'
import { useRoute } from 'vue-router'

import type { Channel, RunSummary } from '../../../preload/contract'
import { call, toRecord } from '../../bridge'
import { useGoTo } from '../../composables/useGoTo'
import { asSentence, formatDate, formatRatio } from '../../format'
import { projectTabs } from '../../router'
import { useAppStore } from '../../stores/app'
import { useProjectsStore } from '../../stores/projects'
import { useRunsStore } from '../../stores/runs'
import { useSettingsStore } from '../../stores/settings'
import { useToasts } from '../../ui'
import type { Command } from './commands'

const views = [
  { view: 'projects', shortcut: 'Ctrl+1' },
  { view: 'runs', shortcut: 'Ctrl+2' },
  { view: 'queue', shortcut: 'Ctrl+3' },
  { view: 'settings', shortcut: 'Ctrl+,' },
] as const

type PlainChannel = Extract<Channel, 'app:open-guide' | 'app:open-notices' | 'app:save-report'>

export function useCommands(showAbout: () => void) {
  const { t } = useI18n()
  const route = useRoute()
  const goTo = useGoTo()
  const app = useAppStore()
  const projects = useProjectsStore()
  const runs = useRunsStore()
  const settings = useSettingsStore()
  const { show } = useToasts()

  /** The palette is gone when an answer comes: what was refused is said in a toast. */
  function attempt(work: Promise<unknown>): void {
    work.catch((error: unknown) =>
      show({ title: t('shell.refused'), description: asSentence(toRecord(error).message), tone: 'bad' }),
    )
  }

  const plain = (id: PlainChannel, label: string): Command => ({
    id,
    group: 'actions',
    label,
    icon: FileText,
    run: () => attempt(call(id)),
  })

  const runActions = computed((): Command[] => {
    const { engine } = app
    if (engine.state !== 'running') return []
    const address = { projectId: engine.projectId, runId: engine.runId }
    return [
      {
        id: 'show-run',
        group: 'actions',
        label: t('shell.command.showRun'),
        icon: History,
        run: () => goTo({ view: 'run', ...address }),
      },
      {
        id: 'pause',
        group: 'actions',
        label: t('shell.command.pause'),
        icon: CirclePause,
        run: () => attempt(call('runs:pause', address)),
      },
      {
        id: 'stop',
        group: 'actions',
        label: t('shell.command.stop'),
        icon: CircleStop,
        run: () => attempt(call('runs:stop', address)),
      },
    ]
  })

  const tabs = computed((): Command[] =>
    typeof route.params.projectId !== 'string'
      ? []
      : projectTabs.map((tab, index) => ({
          id: `tab-${tab}`,
          group: 'views',
          label: t(`shell.tabs.${tab}`),
          detail: projects.current?.project.name,
          shortcut: `Alt+${index + 1}`,
          icon: LayoutPanelTop,
          run: () => goTo({ view: 'tab', tab }),
        })),
  )

  const actions = computed((): Command[] => [
    ...runActions.value,
    {
      id: 'new-project',
      group: 'actions',
      label: t('shell.command.newProject'),
      shortcut: 'Ctrl+N',
      icon: FolderPlus,
      run: () => goTo({ view: 'import' }),
    },
    ...(['system', 'light', 'dark'] as const).map((theme): Command => ({
      id: `theme-${theme}`,
      group: 'actions',
      label: t(`shell.command.theme.${theme}`),
      icon: MonitorCog,
      run: () => attempt(settings.set({ theme })),
    })),
    ...(['en', 'zh-CN'] as const).map((language): Command => ({
      id: `language-${language}`,
      group: 'actions',
      label: t(`shell.command.language.${language}`),
      icon: Languages,
      run: () => attempt(settings.set({ language })),
    })),
    plain('app:open-guide', t('shell.about.guide')),
    plain('app:open-notices', t('shell.about.notices')),
    plain('app:save-report', t('shell.about.report')),
    { id: 'about', group: 'actions', label: t('shell.about.title'), icon: Info, run: showAbout },
  ])

  const viewCommands = computed((): Command[] =>
    views.map(({ view, shortcut }) => ({
      id: `view-${view}`,
      group: 'views',
      label: t(`shell.views.${view}`),
      shortcut,
      icon: LayoutPanelTop,
      run: () => goTo({ view }),
    })),
  )

  const projectCommands = computed((): Command[] =>
    (projects.list ?? []).map(({ id, name, folder }) => ({
      id: `project-${id}`,
      group: 'projects',
      label: name,
      detail: folder,
      icon: FolderKanban,
      run: () => goTo({ view: 'project', projectId: id }),
    })),
  )

  function runLabel({ name, projectName, started }: RunSummary): string {
    return name === '' ? `${projectName}, ${formatDate(started)}` : name
  }

  const runCommands = computed((): Command[] =>
    (runs.list ?? []).map((run) => ({
      id: `run-${run.projectId}-${run.id}`,
      group: 'runs',
      label: runLabel(run),
      detail: [
        run.name === '' ? '' : run.projectName,
        t(`shell.state.${run.state}`),
        run.latest === null ? '' : formatRatio(run.latest.compression),
        ...run.tags,
      ]
        .filter((part) => part !== '')
        .join(', '),
      icon: History,
      run: () => goTo({ view: 'run', projectId: run.projectId, runId: run.id }),
    })),
  )

  return computed(() => [
    ...tabs.value,
    ...viewCommands.value,
    ...actions.value,
    ...projectCommands.value,
    ...runCommands.value,
  ])
}
