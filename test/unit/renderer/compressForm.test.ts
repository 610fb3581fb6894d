import { describe, expect, it } from 'vitest'

import { experimentSettings } from '../../../main/olmp/presets'
import { parseSettings } from '../../../main/olmp/settings'
import { estimateRun, type RunCosts } from '../../../main/projects/estimate'
import {
  deltaOf,
  effortOf,
  efforts,
  fieldFacts,
  imagesAllowed,
  iterationsOf,
  lossChoiceOf,
  planOf,
  problemOf,
  scheduleOf,
  withLayer,
} from '../../../renderer/components/compress/compressForm'
import { formatNumber } from '../../../renderer/components/compress/formatNumber'

const suggested = experimentSettings('lenet-300-100', 'ncs')

describe('the decisions of the compress card', () => {
  it('reads effort and allowed loss from the settings they made', () => {
    for (const effort of efforts) {
      const settings = { ...suggested, ...scheduleOf(suggested, iterationsOf(suggested, effort)) }
      expect(effortOf(suggested, settings)).toBe(effort)
      expect(parseSettings(settings)).toBe(settings)
    }
    expect(effortOf(suggested, { ...suggested, iterations: 1234 })).toBe('own')
    for (const choice of ['suggested', 'none', 'tenth', 'half'] as const) {
      expect(lossChoiceOf(suggested, { ...suggested, delta: deltaOf(choice, suggested) })).toBe(choice)
    }
    expect(lossChoiceOf(suggested, { ...suggested, delta: 0.07 })).toBe('own')
  })

  it('says how many images of a batch a delta allows', () => {
    expect([0, 0.001, 0.005, 0.05, 0.08, 1 / 64].map((delta) => imagesAllowed(delta, 64))).toEqual([
      0, 0, 0, 3, 5, 1,
    ])
  })

  it('tells searches and lengths of a shortened run', () => {
    const quick = { ...suggested, ...scheduleOf(suggested, 3000) }
    expect(planOf(quick)).toEqual({ searches: 2, evaluations: 1600, pruneStop: 1500, retraining: 1500 })
  })

  it('keeps an entry only for a layer with something particular', () => {
    const kept = { ...suggested, layers: withLayer(suggested, 'ip1', { prune: false }) }
    expect(kept.layers).toEqual([{ name: 'ip1', prune: false }])
    const own = { ...kept, layers: withLayer(kept, 'ip1', { prune: true, gamma: 0.01 }) }
    expect(own.layers).toEqual([{ name: 'ip1', prune: true, gamma: 0.01 }])
    expect(withLayer(own, 'ip1', { gamma: null })).toEqual([])
  })

  it('has a field for every number of the settings', () => {
    const numbers = Object.entries(suggested).flatMap(([name, value]) =>
      typeof value === 'number' ? [name] : [],
    )
    expect(fieldFacts.map(({ field }) => field).sort()).toEqual(numbers.sort())
  })

  it('finds the problem of a field or of a place in it', () => {
    const problem = { field: 'stepSizes[1].value', fault: 'step-size-value' as const, message: '', hint: '' }
    expect(problemOf([problem], 'stepSizes')).toBe(problem)
    expect(problemOf([problem], 'step')).toBeUndefined()
  })

  it('writes settings as they are written in the field', () => {
    expect([30001, 0.0002, 2e-5, 0, 8].map(formatNumber)).toEqual(['30,001', '0.0002', '0.00002', '0', '8'])
  })
})

describe('estimateRun', () => {
  const costs: RunCosts = {
    device: 'cpu',
    threads: 1,
    trainMs: 1,
    evaluationMs: 0.5,
    testMs: 100,
    memoryBytes: 1,
    gpu: null,
    besideRun: false,
  }
  const layers = [
    { name: 'ip1', type: 'InnerProduct' },
    { name: 'ip2', type: 'InnerProduct' },
  ]

  it('adds training, searches and tests', () => {
    const settings = { ...suggested, gammaInnerProduct: 0 }
    const { trainSeconds, searchSeconds, testSeconds, seconds, searches } = estimateRun(
      settings,
      layers,
      costs,
    )
    expect(searches).toBe(15)
    expect([trainSeconds, searchSeconds, testSeconds]).toEqual([30.002, 12, 6.2])
    expect(seconds).toBeCloseTo(48.202)
  })

  it('expects a search only where two layers are drawn, each with its own probability', () => {
    const settings = { ...suggested, iterations: 2000, pruneStop: 2000, gammaInnerProduct: 0.001 }
    // at iteration 0 surely; at 1000 each with probability 1/2
    expect(estimateRun(settings, layers, costs).searches).toBeCloseTo(1.25)
    const one = { ...settings, layers: [{ name: 'ip2', prune: false }] }
    // the corrected search goes with one layer, the published scripts want two
    expect(estimateRun(one, layers, costs).searches).toBeCloseTo(1.5)
    expect(estimateRun({ ...one, searchMode: 'as-published' }, layers, costs).searches).toBe(0)
  })
})
