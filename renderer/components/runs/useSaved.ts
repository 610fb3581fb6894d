// A file the user asked for: where it went.

import { useI18n } from 'vue-i18n'

import { useAction } from '../../composables/useAction'
import { useToasts } from '../../ui'

export function useSaved() {
  const toasts = useToasts()
  const { t } = useI18n()

  return useAction(async (write: () => Promise<string | null>) => {
    const file = await write()
    if (file !== null) toasts.show({ title: t('compare.saved'), description: file, tone: 'good' })
  })
}
