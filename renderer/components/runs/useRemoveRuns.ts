// Runs are deleted without being asked for, and brought back as easily.

import { useI18n } from 'vue-i18n'

import type { RunSummary } from '../../../preload/contract'
import { useAction } from '../../composables/useAction'
import { useRunsStore } from '../../stores/runs'
import { useToasts } from '../../ui'
import { addressOf } from './runKey'

export function useRemoveRuns() {
  const store = useRunsStore()
  const toasts = useToasts()
  const { t } = useI18n()

  return useAction(async (runs: RunSummary[]) => {
    const undos: string[] = []
    try {
      for (const run of runs) undos.push(await store.remove(addressOf(run)))
    } finally {
      // also where one of several was refused: the others are gone
      if (undos.length > 0) offerUndo(undos)
    }
  })

  function offerUndo(undos: string[]): void {
    toasts.show({
      title: t('compare.removed', undos.length),
      action: { label: t('common.undo'), run: () => void bringBack(undos) },
    })
  }

  async function bringBack(undos: string[]): Promise<void> {
    try {
      for (const undo of undos) await store.undoRemove(undo)
    } catch (error) {
      const description = error instanceof Error ? error.message : String(error)
      toasts.show({ title: t('compare.notBroughtBack'), description, tone: 'bad' })
    }
  }
}
