// The state of the compress card: the settings, where to run, and what is wrong with them.

import { computed, type MaybeRefOrGetter, ref, shallowRef, toValue } from 'vue'
import { useI18n } from 'vue-i18n'

import {
  type LayerFact,
  isCycles,
  type OlmpSettings,
  type RunRequest,
  type SettingProblem,
  settingProblems,
} from '../../../preload/contract'
import {
  deltaOf,
  type Effort,
  effortOf,
  iterationsOf,
  type LossChoice,
  lossChoiceOf,
  scheduleOf,
} from './compressForm'
import { formatNumber } from './formatNumber'

/** null: as the app's settings say. */
export interface Checkpointing {
  intervalIterations: number | null
  keep: number | null
}

export function useCompressForm(suggested: OlmpSettings, layers: MaybeRefOrGetter<LayerFact[]>) {
  const { t } = useI18n()
  const settings = shallowRef<OlmpSettings>(structuredClone(suggested))
  const device = ref<'cpu' | 'cuda'>('cpu')
  const tf32 = ref(false)
  const threads = ref(1)
  const checkpointing = shallowRef<Checkpointing>({ intervalIterations: null, keep: null })
  const wantsOwnLoss = ref(false)
  const wantsOwnLength = ref(false)

  const effort = computed<Effort | 'own'>({
    get: () => (wantsOwnLength.value ? 'own' : effortOf(suggested, settings.value)),
    set(chosen) {
      wantsOwnLength.value = chosen === 'own'
      if (chosen === 'own') return
      settings.value = { ...settings.value, ...scheduleOf(suggested, iterationsOf(suggested, chosen)) }
    },
  })

  const loss = computed<LossChoice>({
    get: () => (wantsOwnLoss.value ? 'own' : lossChoiceOf(suggested, settings.value)),
    set(chosen) {
      wantsOwnLoss.value = chosen === 'own'
      if (chosen !== 'own') settings.value = { ...settings.value, delta: deltaOf(chosen, suggested) }
    },
  })

  const problems = computed<SettingProblem[]>(() => {
    const names = toValue(layers).map(({ name }) => name)
    return settingProblems(settings.value, names)
  })
  const threadsWrong = computed(
    () => !Number.isInteger(threads.value) || threads.value < 1 || threads.value > 256,
  )
  const isValid = computed(() => problems.value.length === 0 && !threadsWrong.value)

  function textOf(problem: SettingProblem | undefined): string | undefined {
    if (problem === undefined) return undefined
    const { fault, field, rule } = problem
    const scale = field === 'delta' ? 100 : 1
    return t(`compress.fault.${fault}`, {
      min: rule === undefined ? '' : formatNumber(rule.min * scale),
      max: rule === undefined ? '' : formatNumber(rule.max * scale),
    })
  }

  /** From what another run was asked. */
  function prefill(request: RunRequest): void {
    if (!isCycles(request.settings)) settings.value = structuredClone(request.settings)
    device.value = request.device
    tf32.value = request.tf32 === true
    threads.value = request.threads
    checkpointing.value = {
      intervalIterations: request.checkpointIntervalIterations,
      keep: request.keepCheckpoints,
    }
    wantsOwnLoss.value = false
    wantsOwnLength.value = false
  }

  function reset(): void {
    const { searchMode } = settings.value
    settings.value = { ...structuredClone(suggested), searchMode }
    checkpointing.value = { intervalIterations: null, keep: null }
    wantsOwnLoss.value = false
    wantsOwnLength.value = false
  }

  return {
    settings,
    device,
    tf32,
    threads,
    checkpointing,
    effort,
    loss,
    problems,
    threadsWrong,
    isValid,
    textOf,
    prefill,
    reset,
  }
}
