import { describe, expect, it } from 'vitest'
import { experimentSettings, generalRule, presetSettings, type NetFacts } from '../../../main/olmp/presets'
import {
  parseSettings,
  settingProblems,
  stepSizeAt,
  validateSettings,
  type OlmpSettings,
} from '../../../main/olmp/settings'

const LENET_300_100: NetFacts = {
  prunableTypes: ['InnerProduct', 'InnerProduct', 'InnerProduct'],
  prunableParameters: 266_610,
  trainImages: 60_000,
  trainBatch: 64,
}
const LENET_5: NetFacts = {
  prunableTypes: ['Convolution', 'Convolution', 'InnerProduct', 'InnerProduct'],
  prunableParameters: 431_080,
  trainImages: 60_000,
  trainBatch: 64,
}
const CALTECH: NetFacts = {
  prunableTypes: [...Array(5).fill('Convolution'), ...Array(3).fill('InnerProduct')],
  prunableParameters: 57_900_000,
  trainImages: 15_420,
  trainBatch: 256,
}

describe('generalRule', () => {
  it('yields the published rows for nets like those, in either mode', () => {
    for (const mode of ['ncs', 'as-published'] as const) {
      expect(generalRule(LENET_300_100, mode)).toEqual(experimentSettings('lenet-300-100', mode))
      expect(generalRule(LENET_5, mode)).toEqual(experimentSettings('lenet-5', mode))
      expect(generalRule(CALTECH, mode)).toEqual(experimentSettings('alexnet-caltech', mode))
    }
    expect(presetSettings('olmp-as-published', LENET_5).searchMode).toBe('as-published')
    expect(presetSettings('olmp-ncs-corrected', LENET_5).searchMode).toBe('ncs')
  })

  it('gives the published values', () => {
    expect(experimentSettings('lenet-300-100', 'as-published')).toEqual({
      searchMode: 'as-published',
      iterations: 30001,
      pruneStop: 15000,
      pruneInterval: 1000,
      delta: 0.08,
      population: 10,
      evaluations: 1600,
      stepSizes: [{ fromIteration: 0, value: 5 }],
      bounds: { lower: 0, upper: 10 },
      initialRate: 0.001,
      gammaConvolution: 2e-5,
      gammaInnerProduct: 2e-4,
      seed: 961449,
      testInterval: 500,
      displayInterval: 100,
      layers: [],
    })
    const lenet5 = experimentSettings('lenet-5', 'ncs')
    expect([lenet5.delta, lenet5.bounds.upper, lenet5.seed]).toEqual([0.05, 20, 981118])
    expect([0, 9999, 10000, 20000].map((k) => stepSizeAt(lenet5, k))).toEqual([5, 5, 0.5, 0.5])
    const caltech = experimentSettings('alexnet-caltech', 'ncs')
    expect([caltech.iterations, caltech.pruneStop, caltech.pruneInterval, caltech.population]).toEqual([
      15001, 10000, 250, 8,
    ])
    expect([6999, 7000].map((k) => stepSizeAt(caltech, k))).toEqual([5, 0.5])
  })

  it('looks at the kinds and sizes of layers: resized and re-stacked nets get the row of their like', () => {
    const deeper = {
      ...LENET_300_100,
      prunableTypes: Array(6).fill('InnerProduct'),
      prunableParameters: 90_000,
    }
    expect(generalRule(deeper, 'ncs')).toEqual(experimentSettings('lenet-300-100', 'ncs'))
    const wider = { ...LENET_5, prunableTypes: [...LENET_5.prunableTypes, 'Convolution' as const] }
    expect(generalRule({ ...wider, prunableParameters: 1_900_000 }, 'ncs')).toEqual(
      experimentSettings('lenet-5', 'ncs'),
    )
    const fiftyMillion = { ...CALTECH, prunableParameters: 50_000_000, prunableTypes: LENET_5.prunableTypes }
    expect(generalRule(fiftyMillion, 'ncs')).toEqual(experimentSettings('alexnet-caltech', 'ncs'))
  })

  it('lengthens the schedule for a training set that would be seen less than ten times', () => {
    const imagenet = generalRule({ ...CALTECH, trainImages: 1_281_167 }, 'ncs')
    expect((imagenet.iterations * 256) / 1_281_167).toBeCloseTo(10, 3)
    const row = experimentSettings('alexnet-caltech', 'ncs')
    expect(imagenet.pruneStop / imagenet.iterations).toBeCloseTo(row.pruneStop / row.iterations, 3)
    expect(Math.floor(imagenet.pruneStop / imagenet.pruneInterval)).toBe(40)
    expect(imagenet.stepSizes[1].fromIteration).toBeLessThan(imagenet.pruneStop)
    expect(validateSettings(imagenet)).toEqual([])
  })

  it('lets a small batch lose at least one image', () => {
    expect(generalRule({ ...LENET_5, trainBatch: 8 }, 'ncs').delta).toBe(1 / 8)
  })
})

describe('validateSettings', () => {
  const good = experimentSettings('lenet-5', 'ncs')
  const messages = (change: Record<string, unknown>, prunable?: string[]): string[] =>
    validateSettings({ ...good, ...change }, prunable).map((error) => error.message)

  it('accepts the published rows, also after a trip through JSON', () => {
    for (const name of ['lenet-300-100', 'lenet-5', 'alexnet-caltech'] as const) {
      const settings = JSON.parse(JSON.stringify(experimentSettings(name, 'as-published')))
      expect(parseSettings(settings)).toEqual(experimentSettings(name, 'as-published'))
    }
  })

  it.each<[Record<string, unknown>, string]>([
    [{ iterations: 0 }, 'iterations is 0, outside 1 to 9007199254740991'],
    [{ iterations: 1.5 }, 'iterations is 1.5'],
    [{ delta: -0.1 }, 'delta is -0.1, outside 0 to 1'],
    [{ delta: Number.NaN }, 'delta is null'],
    [{ seed: 2 ** 32 }, 'seed is 4294967296, outside 0 to 4294967295'],
    [{ population: '10' }, 'population is "10"'],
    [{ searchMode: 'random' }, 'searchMode is "random"'],
    [{ stepSizes: [] }, 'stepSizes is empty or not a list'],
    [{ stepSizes: [{ fromIteration: 5, value: 1 }] }, 'stepSizes[0].fromIteration is 5'],
    [{ stepSizes: [{ fromIteration: 0, value: 0 }] }, 'stepSizes[0].value is 0'],
    [{ bounds: { lower: 3, upper: 3 } }, 'bounds is {"lower":3,"upper":3}'],
    [{ initialRate: 21 }, 'initialRate 21 lies outside the bounds 0 to 20'],
    [{ pruneStop: 30002 }, 'pruneStop 30002 lies after the last iteration 30001'],
    [{ pruneIntervall: 3 }, "unknown setting 'pruneIntervall'"],
    [{ layers: [{ name: 'ip1' }] }, 'layers[0] is {"name":"ip1"}'],
  ])('refuses %j', (change, message) => {
    expect(messages(change)).toContain(message)
  })

  it('checks layers against the net', () => {
    const layers = [
      { name: 'ip1', prune: false },
      { name: 'ip2', prune: false },
    ]
    expect(messages({ layers }, ['ip1', 'ip2'])).toEqual(['no layer is left to prune'])
    expect(messages({ layers }, ['ip1', 'ip3'])).toEqual(["the net has no prunable layer 'ip2'"])
    expect(messages({ layers: [layers[0], layers[0]] })).toEqual(["layer 'ip1' is listed twice"])
    expect(messages({ layers: [] }, ['ip1'])).toEqual([])
  })

  it('names the field and the fault, for the reader’s own language', () => {
    const problems = settingProblems({
      ...good,
      delta: 2,
      pruneStop: 40_000,
      bounds: { lower: -1, upper: 20 },
    })
    expect(problems.map(({ field, fault }) => [field, fault])).toEqual([
      ['delta', 'outside-range'],
      ['pruneStop', 'prune-stop-after-end'],
    ])
    expect(problems[0].rule).toEqual({ integer: false, min: 0, max: 1 })
  })

  it('throws the first problem, with a remedy', () => {
    const bad: Partial<OlmpSettings> = { ...good, evaluations: -1 }
    expect(() => parseSettings(bad)).toThrow(
      expect.objectContaining({ code: 'invalid-setting', hint: 'give a whole number from 1 to 100000000' }),
    )
    expect(() => parseSettings(null)).toThrow('not a JSON object')
  })
})
