import { describe, expect, it } from 'vitest'

import { experimentSettings } from '../../../main/olmp/presets'
import { validateSettings } from '../../../main/olmp/settings'
import { settingsFor } from '../../../main/projects/settings'

const suggested = experimentSettings('lenet-5', 'ncs')
const choices = { searchMode: 'ncs' as const, delta: 0.01, seed: 7, iterations: 3000, evaluations: 200 }

describe('settingsFor', () => {
  it('leaves the suggestion as it is where the choices agree with it', () => {
    const { searchMode, delta, seed, iterations, evaluations } = suggested
    expect(settingsFor({ searchMode, delta, seed, iterations, evaluations }, suggested)).toEqual(suggested)
  })

  it('keeps the proportions of a shorter run', () => {
    const settings = settingsFor(choices, suggested)
    expect(settings).toMatchObject({ ...choices, pruneStop: 1500, pruneInterval: 750 })
    expect(settings.stepSizes).toEqual([
      { fromIteration: 0, value: 5 },
      { fromIteration: 1000, value: 0.5 },
    ])
  })

  it.each([1, 2, 7, 30, 300, 60_002])(
    'gives valid settings for %i iterations and few evaluations',
    (iterations) => {
      expect(validateSettings(settingsFor({ ...choices, iterations, evaluations: 3 }, suggested))).toEqual([])
    },
  )
})
