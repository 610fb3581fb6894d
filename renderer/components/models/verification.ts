// What was checked of an exported model, in words.

import { useI18n } from 'vue-i18n'

import type { Verification } from '../../../preload/contract'
import { formatInteger, formatPercent } from '../../format'

export function useVerificationText() {
  const { t } = useI18n()

  return function sentence(verification: Verification): string {
    if (verification.kind === 'read-back') {
      const { values, masks } = verification
      return t(masks > 0 ? 'models.checkedMasks' : 'models.checkedValues', {
        values: formatInteger(values),
        masks: formatInteger(masks),
      })
    }
    const { images, agreement, maxAbsDiff } = verification
    const facts = { images: formatInteger(images), difference: formatDifference(maxAbsDiff) }
    if (agreement === 1) return t('models.checkedSame', facts)
    return t('models.checkedMostly', { ...facts, share: formatPercent(agreement) })
  }
}

/** 3.1e-7 */
export function formatDifference(value: number): string {
  return value === 0 ? '0' : value.toExponential(1)
}

export function formatLatency(milliseconds: number): string {
  return `${milliseconds.toFixed(milliseconds < 10 ? 3 : 1)} ms`
}

export function accuracyOf(verification: Verification): number {
  return verification.kind === 'onnxruntime' ? verification.accuracyOnnx : verification.accuracyEngine
}
