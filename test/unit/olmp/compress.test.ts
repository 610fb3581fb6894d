import { describe, expect, it } from 'vitest'
import { Compressor, type CheckpointPoint, type LoopNet } from '../../../main/olmp/compress'
import { Mt19937 } from '../../../main/olmp/mt19937'
import { experimentSettings } from '../../../main/olmp/presets'
import type { OlmpSettings, SearchMode } from '../../../main/olmp/settings'
import type { RunEvent, SearchRecord } from '../../../main/runs/types'
import { FakeSession, fakeNet, type FakeCall } from './fakeSession'

function settingsOf(searchMode: SearchMode, change: Partial<OlmpSettings> = {}): OlmpSettings {
  return {
    ...experimentSettings('lenet-5', searchMode),
    iterations: 61,
    pruneStop: 40,
    pruneInterval: 10,
    evaluations: 50,
    population: 5,
    gammaConvolution: 0.02,
    gammaInnerProduct: 0.05,
    stepSizes: [{ fromIteration: 0, value: 1 }],
    testInterval: 20,
    displayInterval: 5,
    ...change,
  }
}

interface Run {
  session: FakeSession
  compressor: Compressor
  events: RunEvent[]
  points: CheckpointPoint[]
  saved: Map<string, string>
}

function prepare(
  settings: OlmpSettings,
  { net = fakeNet(), from, interval = 0 }: { net?: LoopNet; from?: Run; interval?: number } = {},
): Run {
  const saved = from?.saved ?? new Map<string, string>()
  const session = new FakeSession(net, saved)
  const events: RunEvent[] = []
  const points: CheckpointPoint[] = []
  const compressor = new Compressor({
    session,
    net,
    settings,
    onEvent: (event) => events.push(event),
    checkpointIntervalIterations: interval,
    writeCheckpoint: async (point) => {
      points.push(JSON.parse(JSON.stringify(point)))
      await session.saveState(`${points.length}`)
    },
    state: from?.points.at(-1)?.state,
  })
  return { session, compressor, events, points, saved }
}

const texts = (run: Run): string[] => run.events.flatMap((e) => (e.kind === 'log' ? [e.text] : []))
const searches = (run: Run): SearchRecord[] =>
  run.events.flatMap((e) => (e.kind === 'search' ? e.records : []))
const losses = (run: Run): number[] =>
  run.events.flatMap((e) => (e.kind === 'iterations' ? e.records.map((r) => r.iteration) : []))
const ofName = (run: Run, name: string): FakeCall[] => run.session.calls.filter((call) => call.name === name)

describe('Compressor, as published', () => {
  it('copies the order of operations of the scripts', async () => {
    const settings = settingsOf('as-published', { iterations: 3, pruneStop: 2, testInterval: 500 })
    const run = prepare(settings)
    expect(await run.compressor.run()).toBe('finished')
    const names = run.session.calls.map((call) => call.name)
    // one step; at iteration 0 the line with accuracy, all layers masked anew, a0, the start, ten generations; from
    // pruneStop on masks are frozen
    expect(names).toEqual([
      'train',
      'forwardTrainBatch',
      'remask',
      'forwardTrainBatch',
      ...Array(11).fill('evaluateRates'),
      'train',
      'train',
      'freezeMasks',
      'train',
      'rewind',
      'test',
    ])
    expect(run.session.iteration).toBe(4)
    expect(ofName(run, 'train').map((call) => call.layers)).toEqual([[0], [0b111], expect.any(Array), [0]])
    expect(ofName(run, 'evaluateRates').every((call) => call.mode === 'sequential')).toBe(true)
    expect(ofName(run, 'evaluateRates')[0].rates).toEqual([0.001, 0.001, 0.001])
    expect(losses(run)).toEqual([0, 1, 2, 3])
  })

  it('draws one number per layer and iteration to the very end', async () => {
    const settings = settingsOf('as-published', {
      pruneInterval: 1000,
      gammaConvolution: 0,
      gammaInnerProduct: 0,
    })
    const run = prepare(settings)
    await run.compressor.run()
    const twin = new Mt19937([settings.seed])
    for (let l = 0; l < 3; l++) twin.rand()
    for (let g = 0; g < 10; g++) for (let i = 0; i < 5 * 3 + 5; i++) twin.randn()
    for (let k = 1; k < 61; k++) for (let l = 0; l < 3; l++) twin.rand()
    expect(run.compressor.state().random).toEqual(twin.state())
  })

  it('masks the drawn layers with probability 1 / (1 + gamma k) until pruneStop, then none', async () => {
    const settings = settingsOf('as-published', { pruneInterval: 1000, evaluations: 5 })
    const run = prepare(settings)
    await run.compressor.run()
    const remask = ofName(run, 'train').flatMap((call) => call.layers ?? [])
    const twin = new Mt19937([settings.seed])
    for (let l = 0; l < 3; l++) twin.rand()
    for (let i = 0; i < 5 * 3 + 5; i++) twin.randn()
    const gammas = [0.02, 0.05, 0.05]
    const expected = Array.from({ length: 60 }, (_, i) =>
      gammas.reduce((bits, gamma, l) => {
        const drawn = 1 / (1 + gamma * (i + 1)) > twin.rand()
        return drawn && i + 1 < 40 ? bits | (1 << l) : bits
      }, 0),
    )
    expect(remask).toEqual([0, 0b111, ...expected])
  })

  it('searches with the rates not drawn at their current values, and takes the best found', async () => {
    const settings = settingsOf('as-published', { gammaConvolution: 1, gammaInnerProduct: 0 })
    const run = prepare(settings)
    await run.compressor.run()
    const found = ofName(run, 'evaluateRates').filter((call) => call.rates?.length === 15)
    // conv1 is hardly ever drawn after iteration 0
    const later = found.slice(-10).map((call) => call.rates?.[0])
    expect(new Set(later).size).toBe(1)
    expect(later[0]).not.toBe(0.001)
  })
})

describe('Compressor, corrected', () => {
  it('measures every candidate from the same masks and leaves the layers not drawn alone', async () => {
    const run = prepare(settingsOf('ncs', { gammaConvolution: 1, gammaInnerProduct: 0 }))
    await run.compressor.run()
    const calls = ofName(run, 'evaluateRates')
    expect(calls.every((call) => call.mode === 'independent')).toBe(true)
    expect(calls.at(-1)?.rates?.filter(Number.isNaN).length).toBe(5)
    expect(ofName(run, 'remask')).toEqual([])
  })

  it('finds rates that keep less as the search goes on, within the tolerance', async () => {
    const run = prepare(settingsOf('ncs', { stepSizes: [{ fromIteration: 0, value: 0.1 }] }))
    await run.compressor.run()
    const first = searches(run).filter((record) => record.iteration === 1)
    expect(first.length).toBe(10)
    expect(first.at(-1)?.bestKept).toBeLessThan(first[0].bestKept)
    expect(first.at(-1)?.bestKept).toBeGreaterThan(0.3)
    for (const record of first) {
      expect(record.feasible).toEqual(record.accuracy.map((value) => value >= 0.95))
    }
  })

  it('keeps the current rates where no candidate is feasible', async () => {
    const run = prepare(settingsOf('ncs', { delta: 0 }))
    // every pruned net is worse than the present one
    run.session.accuracyAt = (kept) => (kept === 1 ? 1 : 0)
    run.session.evaluateRates = async (rates) => ({
      accuracy: new Float64Array(rates.length / 3),
      loss: new Float64Array(rates.length / 3),
      kept: new Float64Array(rates.length / 3).fill(10),
    })
    run.session.forwardTrainBatch = async () => Float64Array.of(1, 0, 0)
    await run.compressor.run()
    expect(run.compressor.state().rates).toEqual([0.001, 0.001, 0.001])
    expect(searches(run).every((record) => record.bestKept === 1)).toBe(true)
  })

  it('never masks a layer the settings leave out', async () => {
    const run = prepare(settingsOf('ncs', { layers: [{ name: 'ip1', prune: false }] }))
    await run.compressor.run()
    expect(run.session.content().masks[1].every((bit) => bit === 1)).toBe(true)
    expect(run.session.content().masks[0].some((bit) => bit === 0)).toBe(true)
    for (const { rates } of ofName(run, 'evaluateRates')) {
      expect(rates?.filter((_, i) => i % 3 === 1).every(Number.isNaN)).toBe(true)
    }
  })

  it('searches a net with a single prunable layer too', async () => {
    const run = prepare(settingsOf('ncs', { gammaInnerProduct: 0 }), { net: fakeNet(['ip1']) })
    await run.compressor.run()
    expect(searches(run).length).toBeGreaterThan(0)
  })

  it('gives more than 32 layers as many words per iteration as they need', async () => {
    const names = Array.from({ length: 40 }, (_, i) => `ip${i}`)
    const settings = settingsOf('ncs', {
      gammaInnerProduct: 0,
      pruneInterval: 1000,
      evaluations: 1,
      population: 1,
    })
    const run = prepare(settings, { net: fakeNet(names) })
    run.session.train = async (iterations, remask) => {
      run.session.calls.push({ name: 'train', iterations, layers: [...(remask ?? [])] })
      run.session.iteration += iterations
      return { completed: iterations, stop: 'done', rows: new Float64Array(4 * iterations) }
    }
    await run.compressor.run()
    const [before, first] = ofName(run, 'train')
    expect(before.layers).toEqual([0, 0])
    expect(first.layers).toEqual([0xffffffff, 0xff])
  })
})

describe('Compressor', () => {
  it("writes Caffe's lines and the authors'", async () => {
    const run = prepare(settingsOf('as-published'))
    await run.compressor.run()
    const lines = texts(run)
    expect(lines).toContain('Iteration 5, loss = 0.166667')
    expect(lines).toContain('    Train net output #0: accuracy = 1')
    expect(lines).toContain('    Train net output #1: loss = 0.166667 (* 1 = 0.166667 loss)')
    expect(lines).toContain('Iteration 5, lr = 0.01')
    expect(lines).toContain('Iteration 20, Testing net (#0)')
    expect(lines).toContain('    Test net output #1: loss = 0.25 (* 1 = 0.25 loss)')
    expect(lines).toContain('Compression:1.0, Accuracy:1.0')
    expect(lines.filter((line) => /^Compression:[\d.]+, Accuracy:[\d.]+$/.test(line)).length).toBe(4)
    expect(lines).toContain('Iteration 62, Testing net (#0)')
  })

  it('tells phases, tests over all images, and time by kind of work', async () => {
    const run = prepare(settingsOf('ncs'))
    await run.compressor.run()
    const phases = run.events.flatMap((e) =>
      e.kind === 'phase' ? [[e.text, e.iteration, e.iterations, e.cycle?.number]] : [],
    )
    expect(phases).toEqual([
      ['Cycle 1 of 4: searching layer thresholds', 1, 62, 1],
      ['Cycle 1 of 4: pruning and training', 2, 62, 1],
      ['Cycle 2 of 4: searching layer thresholds', 11, 62, 2],
      ['Cycle 2 of 4: pruning and training', 12, 62, 2],
      ['Cycle 3 of 4: searching layer thresholds', 21, 62, 3],
      ['Cycle 3 of 4: pruning and training', 22, 62, 3],
      ['Cycle 4 of 4: searching layer thresholds', 31, 62, 4],
      ['Cycle 4 of 4: pruning and training', 32, 62, 4],
      ['Retraining on fixed masks', 41, 62, undefined],
    ])
    const tests = run.events.flatMap((e) => (e.kind === 'test' ? [e.record] : []))
    expect(tests.map((record) => [record.iteration, record.images])).toEqual([
      [20, 1000],
      [40, 1000],
      [60, 1000],
      [62, 1000],
    ])
    const { seconds } = run.compressor.state()
    expect(seconds.train).toBeGreaterThan(0)
    expect(seconds.search).toBeGreaterThan(0)
    expect(seconds.test).toBeGreaterThan(0)
  })

  it('tells what each layer keeps whenever masks have changed, and at their end', async () => {
    const run = prepare(settingsOf('ncs'))
    await run.compressor.run()
    const records = run.events.flatMap((e) => (e.kind === 'densities' ? e.records : []))
    expect(records[0]).toEqual({ iteration: 0, kept: [1, 1, 1] })
    expect(records.length).toBeGreaterThan(2)
    const iterations = records.map(({ iteration }) => iteration)
    expect(iterations).toEqual([...new Set(iterations)].sort((a, b) => a - b))
    expect(Math.max(...iterations)).toBeLessThanOrEqual(41)
    const masks = run.session.content().masks
    expect(records.at(-1)?.kept).toEqual(masks.map((row) => row.reduce((a, b) => a + b, 0) / row.length))
  })

  it('tells densities about a thousand times at most, and of a resumed run only what is new', async () => {
    const settings = settingsOf('ncs', { iterations: 12_000, pruneStop: 12_000, pruneInterval: 6000 })
    const run = prepare(settings)
    run.session.onTrainStep = (iteration) => {
      if (iteration === 500) run.compressor.requestStop()
      return iteration === 500 ? 'cancel' : 'go'
    }
    await run.compressor.run()
    const resumed = prepare(settings, { from: run })
    await resumed.session.loadState(`${run.points.length}`)
    await resumed.compressor.run()
    const told = (of: Run) => of.events.flatMap((e) => (e.kind === 'densities' ? e.records : []))
    const before = told(run).map(({ iteration }) => iteration)
    const after = told(resumed).map(({ iteration }) => iteration)
    expect(after.length).toBeGreaterThan(0)
    expect(before.length + after.length).toBeLessThanOrEqual(1002)
    expect(Math.min(...after)).toBeGreaterThan(Math.max(...before))
  })

  it('checkpoints at multiples of the interval and at the end', async () => {
    const run = prepare(settingsOf('ncs'), { interval: 25 })
    await run.compressor.run()
    expect(run.points.map((point) => point.solverIteration)).toEqual([25, 50, 62])
    expect(run.points.every((point) => point.generation === null)).toBe(true)
  })

  it.each(['ncs', 'as-published'] as const)(
    'a run stopped anywhere and resumed equals the uninterrupted one (%s)',
    async (mode) => {
      const settings = settingsOf(mode)
      const whole = prepare(settings)
      await whole.compressor.run()
      const chance = new Mt19937([mode.length])
      for (let repetition = 0; repetition < 25; repetition++) {
        let run: Run | undefined
        let outcome = 'stopped'
        let stops = 0
        while (outcome === 'stopped') {
          const next: Run = prepare(settings, { from: run })
          if (run !== undefined) await next.session.loadState(`${run.points.length}`)
          // stops before a training step, in a generation, or in a report
          const stopAfter = Math.floor(chance.rand() * 40)
          let steps = 0
          const tick = (): void => {
            if (++steps >= stopAfter && stopAfter > 0) next.compressor.requestStop()
          }
          next.session.onTrainStep = () => {
            tick()
            return steps === stopAfter ? 'cancel' : 'go'
          }
          const { evaluateRates, forwardTrainBatch } = next.session
          next.session.evaluateRates = async (...args) => {
            tick()
            return evaluateRates.apply(next.session, args)
          }
          next.session.forwardTrainBatch = async () => {
            tick()
            return forwardTrainBatch.apply(next.session)
          }
          outcome = await next.compressor.run()
          if (next.points.length === 0 && run !== undefined) next.points.push(...run.points)
          run = next
          stops++
        }
        expect(stops).toBeGreaterThan(0)
        expect(run?.session.content()).toEqual(whole.session.content())
        expect(run?.compressor.state().rates).toEqual(whole.compressor.state().rates)
        expect(run?.compressor.state().random).toEqual(whole.compressor.state().random)
      }
    },
  )

  it('stops mid-search with the generation in the checkpoint', async () => {
    const run = prepare(settingsOf('ncs'))
    let evaluations = 0
    const { evaluateRates } = run.session
    run.session.evaluateRates = async (...args) => {
      if (++evaluations === 4) run.compressor.requestStop()
      return evaluateRates.apply(run.session, args)
    }
    expect(await run.compressor.run()).toBe('stopped')
    expect(run.points.at(-1)).toMatchObject({ solverIteration: 1, generation: 3 })
    expect(run.points.at(-1)?.state.current?.search?.search.generation).toBe(3)
  })

  it('cancels a training call on a stop, and only then', async () => {
    const run = prepare(settingsOf('ncs'))
    run.session.onTrainStep = (iteration) => {
      if (iteration === 7) run.compressor.requestStop()
      return iteration === 7 ? 'cancel' : 'go'
    }
    expect(await run.compressor.run()).toBe('stopped')
    expect(ofName(run, 'cancel').length).toBe(1)
    expect(run.compressor.state().iteration).toBe(6)
  })

  it('refuses to go on from a loss that is no number, and says what to do', async () => {
    const run = prepare(settingsOf('ncs'))
    run.session.onTrainStep = (iteration) => (iteration === 33 ? 'diverge' : 'go')
    await expect(run.compressor.run()).rejects.toMatchObject({
      code: 'diverged',
      message: 'the loss stopped being a finite number at iteration 33',
      hint: expect.stringContaining('base_lr'),
    })
  })

  it('refuses a net without training accuracy before it starts', async () => {
    const run = prepare(settingsOf('ncs'), { net: { ...fakeNet(), trainAccuracy: -1 } })
    await expect(run.compressor.run()).rejects.toMatchObject({ code: 'no-accuracy-layer' })
    expect(run.session.calls).toEqual([])
  })
})
