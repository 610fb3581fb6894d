// Why a model cannot be compressed as it stands, in the window's language.

import { useI18n } from 'vue-i18n'

import type { ModelReport, ObstacleCode } from '../../../preload/contract'

export function useObstacle() {
  const { t } = useI18n()

  const texts: Record<Exclude<ObstacleCode, 'other'>, () => string> = {
    'no-train-net': () => t('import.noTrainNet'),
    'no-test-net': () => t('import.noTestNet'),
    'no-solver': () => t('import.noSolver'),
    'no-weights': () => t('import.noWeights'),
    'no-dataset': () => t('import.noDataset'),
    'no-loss': () => t('import.noLoss'),
  }

  /** null where nothing stands in the way. */
  return function obstacleText({ obstacle, obstacleCode }: ModelReport): string | null {
    if (obstacleCode === null || obstacleCode === 'other') return obstacle
    return texts[obstacleCode]()
  }
}
