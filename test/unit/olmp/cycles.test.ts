import { describe, expect, it } from 'vitest'

import { CycleLoop, type CycleCheckpoint } from '../../../main/olmp/CycleLoop'
import { cycleProblems } from '../../../main/olmp/cycleProblems'
import { augmentable, cycleRule, type CycleFacts } from '../../../main/olmp/cycleRule'
import { nextCycle, plannedCycles, segmentRates } from '../../../main/olmp/cycleSchedule'
import { EFFORTS, type CycleGoal, type CycleSettings } from '../../../main/olmp/cycleSettings'
import { searchSplit, spread } from '../../../main/olmp/layerSplit'
import { Mt19937 } from '../../../main/olmp/mt19937'
import { parseRunSettings, plannedIterations } from '../../../main/olmp/runSettings'
import type { FrontRecord, RunEvent } from '../../../main/runs/types'
import { FAKE_WEIGHTS, FakeSession, fakeNet } from './fakeSession'

const TOTAL = 3 * FAKE_WEIGHTS

function settingsOf(goal: CycleGoal, change: Partial<CycleSettings> = {}): CycleSettings {
  return {
    method: 'cycles',
    effort: 'quick',
    goal,
    score: 'fisher',
    learningRate: 0.1,
    weightDecay: 1e-4,
    warmup: 5,
    stages: [
      { above: 0.5, removed: 0.3, iterations: 20 },
      { above: 0, removed: 0.1, iterations: 10 },
    ],
    fisherBatches: 2,
    damping: 1e-3,
    search: { evaluations: 40, population: 4, stepSize: 0.3, bound: 4, sampleBatches: 2 },
    fineTune: { iterations: 15, learningRate: 0.05, weightDecay: 5e-4 },
    augmentation: null,
    distillation: { weight: 0.5, temperature: 2 },
    seed: 9,
    ...change,
  }
}

interface Trial {
  session: FakeSession
  loop: CycleLoop
  events: RunEvent[]
  points: CycleCheckpoint[]
  saved: Map<string, string>
  kept: Map<number, string>
}

function prepare(
  settings: CycleSettings,
  {
    from,
    interval = 0,
    validate = null,
  }: { from?: Trial; interval?: number; validate?: Validate | null } = {},
): Trial {
  const saved = from?.saved ?? new Map<string, string>()
  const kept = from?.kept ?? new Map<number, string>()
  const session = new FakeSession(fakeNet(), saved)
  const events: RunEvent[] = []
  const points: CycleCheckpoint[] = []
  const nameOf = (record: FrontRecord): string => `front ${record.iteration}`
  const loop = new CycleLoop({
    session,
    net: fakeNet(),
    settings,
    onEvent: (event) => events.push(event),
    checkpointIntervalIterations: interval,
    writeCheckpoint: async (point) => {
      points.push(JSON.parse(JSON.stringify(point)))
      await session.saveState(`${points.length}`)
    },
    clean: async () => {},
    front: {
      keep: async (record) => {
        await session.saveState(nameOf(record))
        kept.set(record.iteration, saved.get(nameOf(record)) ?? '')
      },
      restore: (record) => session.loadState(nameOf(record)),
    },
    validation: validate === null ? null : { images: 100, accuracy: () => validate(session) },
    state: from?.points.at(-1)?.state,
  })
  return { session, loop, events, points, saved, kept }
}

type Validate = (session: FakeSession) => Promise<number>

async function keptOf(session: FakeSession): Promise<number> {
  const counts = await session.keptCounts()
  return counts.reduce((sum, { keptWeights, keptBiases }) => sum + keptWeights + keptBiases, 0)
}

const frontOf = ({ events }: Trial): FrontRecord[] =>
  events.flatMap((event) => (event.kind === 'front' ? [event.record] : []))

describe('CycleLoop', () => {
  it('fine-tunes, takes the whole net as teacher, and stops on every size asked for', async () => {
    const trial = prepare(settingsOf({ kind: 'size', kept: [70, 31, 20] }))
    expect(await trial.loop.run()).toBe('finished')
    const names = trial.session.calls.map(({ name }) => name)
    expect(names.indexOf('computeTeacher')).toBeLessThan(names.indexOf('scoreFisher'))
    expect(names.filter((name) => name === 'computeTeacher')).toHaveLength(1)
    const front = frontOf(trial)
    expect(front[0]).toMatchObject({ cycle: 0, kept: TOTAL, iteration: 15 })
    for (const size of [70, 31, 20]) expect(front.map(({ kept }) => kept)).toContain(size)
    expect(front.at(-1)?.kept).toBe(20)
    expect(trial.loop.state().chosen).toEqual(front.at(-1))
    // every cycle is scored before its masks are frozen anew, and begins without momentum
    const cycles = front.length - 1
    for (const name of ['scoreFisher', 'keepBest', 'freezeMasks'])
      expect(names.filter((called) => called === name)).toHaveLength(cycles)
    expect(names.filter((name) => name === 'resetHistory')).toHaveLength(cycles + 1)
  })

  it('gives rates that warm up and fall to zero in every segment', async () => {
    const trial = prepare(settingsOf({ kind: 'size', kept: [90] }))
    await trial.loop.run()
    const rates = trial.session.calls.flatMap((call) => (call.name === 'train' ? (call.rates ?? []) : []))
    expect(rates).toHaveLength(15 + 20)
    expect(Math.max(...rates.slice(0, 15))).toBeLessThanOrEqual(0.05)
    expect(rates[15]).toBeCloseTo(0.1 / 5, 6)
    expect(rates[34]).toBeLessThan(0.001)
  })

  it('ends two failures after the last net that answers an accuracy goal, and gives that one', async () => {
    const goal: CycleGoal = { kind: 'accuracy', loss: 0.01, validationImages: 100, against: 'given' }
    const validate: Validate = async (session) => ((await keptOf(session)) >= 60 ? 0.9 : 0.5)
    const trial = prepare(settingsOf(goal), { validate })
    expect(await trial.loop.run()).toBe('finished')
    const front = frontOf(trial)
    const { chosen, reference } = trial.loop.state()
    expect(reference).toBe(0.9)
    expect(chosen?.kept).toBeGreaterThanOrEqual(60)
    expect(front.filter(({ kept }) => kept < (chosen?.kept ?? 0))).toHaveLength(2)
    expect(await keptOf(trial.session)).toBe(chosen?.kept)
  })

  it('gives the whole net where none answers', async () => {
    const goal: CycleGoal = { kind: 'accuracy', loss: 0, validationImages: 100, against: 'given' }
    let asked = 0
    const trial = prepare(settingsOf(goal), { validate: async () => (asked++ === 0 ? 0.9 : 0.1) })
    await trial.loop.run()
    expect(trial.loop.state().chosen).toMatchObject({ cycle: 0, kept: TOTAL })
  })

  it.each(['fisher', 'thresholds', 'fisher-thresholds'] as const)(
    'stops anywhere and goes on as if it had not (%s)',
    async (score) => {
      const settings = settingsOf({ kind: 'size', kept: [40] }, { score })
      const whole = prepare(settings, { interval: 7 })
      await whole.loop.run()
      for (const at of [3, 15, 16, 40, 71]) {
        const first = prepare(settings, { interval: 7 })
        first.session.onTrainStep = (iteration) => {
          if (iteration < at) return 'go'
          first.loop.requestStop()
          return 'cancel'
        }
        expect(await first.loop.run()).toBe('stopped')
        const second = prepare(settings, { from: first, interval: 7 })
        await second.session.loadState(`${first.points.length}`)
        expect(await second.loop.run()).toBe('finished')
        expect(second.session.content()).toEqual(whole.session.content())
        expect(second.loop.state().front.map(({ kept }) => kept)).toEqual(
          whole.loop.state().front.map(({ kept }) => kept),
        )
      }
    },
  )

  it('tells a loss that is no number', async () => {
    const trial = prepare(settingsOf({ kind: 'size', kept: [40] }))
    trial.session.onTrainStep = (iteration) => (iteration === 20 ? 'diverge' : 'go')
    await expect(trial.loop.run()).rejects.toMatchObject({ code: 'diverged' })
  })
})

describe('the schedule of cycles', () => {
  const { stages } = settingsOf({ kind: 'size', kept: [1] })
  it('takes the stage by what is kept, and does not pass over a size', () => {
    const goal: CycleGoal = { kind: 'size', kept: [80, 20] }
    expect(nextCycle(stages, goal, 100, 100)).toEqual({ target: 80, iterations: 20 })
    expect(nextCycle(stages, goal, 80, 100)).toEqual({ target: 56, iterations: 20 })
    expect(nextCycle(stages, goal, 21, 100)).toEqual({ target: 20, iterations: 10 })
    expect(nextCycle(stages, goal, 20, 100)).toBeNull()
    expect(plannedCycles(stages, goal, 100, 100).at(-1)?.target).toBe(20)
  })

  it('makes the same rates in one piece and in two', () => {
    const whole = segmentRates(0.1, 10, 50, 0, 50)
    const two = [...segmentRates(0.1, 10, 50, 0, 21), ...segmentRates(0.1, 10, 50, 21, 29)]
    expect([...whole]).toEqual(two)
    expect(Math.max(...whole)).toBeLessThanOrEqual(0.1)
  })
})

describe('the split over layers', () => {
  it('adds up to the total and stays within what there is', () => {
    const counts = spread([100, 50, 10], [120, 50, 10], [1, -1, 2], 120)
    expect(counts.reduce((a, b) => a + b)).toBeLessThanOrEqual(120)
    expect(counts.reduce((a, b) => a + b)).toBeGreaterThan(115)
    counts.forEach((value, l) => expect(value).toBeLessThanOrEqual([120, 50, 10][l]))
  })

  it('finds a better one than it starts from', async () => {
    const wanted = [20, 60, 20]
    const measure = async (rows: number[][]): Promise<number[]> =>
      rows.map((row) => row.reduce((sum, count, l) => sum + (count - wanted[l]) ** 2, 0))
    const search = { evaluations: 400, population: 10, stepSize: 0.3, bound: 4, sampleBatches: 1 }
    const found = await searchSplit([60, 20, 20], [100, 100, 100], 100, search, new Mt19937([1]), measure)
    expect(found.loss).toBeLessThan(found.startLoss / 10)
  })
})

const lenet300: CycleFacts = {
  prunableTypes: ['InnerProduct', 'InnerProduct', 'InnerProduct'],
  prunableParameters: 266_610,
  trainImages: 60_000,
  trainBatch: 64,
  baseLearningRate: 0.01,
  datumShape: [1, 28, 28],
}

describe('the rule for any net', () => {
  const goal: CycleGoal = { kind: 'size', kept: [1300] }
  const rule = (facts: CycleFacts, change = {}): CycleSettings =>
    cycleRule(facts, { effort: 'thorough', goal, augment: true, seed: 1, ...change })

  it('gives the recipe that was measured for nets like those it was measured on', () => {
    const { stages, fineTune, learningRate } = rule(lenet300)
    expect(learningRate).toBeCloseTo(0.05)
    expect(stages.map(({ removed }) => Number(removed.toFixed(2)))).toEqual([0.5, 0.12, 0.03])
    expect(stages[1].iterations).toBeGreaterThan(4500)
    expect(stages[1].iterations).toBeLessThan(5500)
    expect(fineTune?.iterations).toBe(30_000)
  })

  it.each(EFFORTS)('makes settings without fault (%s)', (effort) => {
    const small = {
      ...lenet300,
      prunableTypes: ['Convolution' as const],
      prunableParameters: 9_000,
      trainImages: 500,
    }
    const large = {
      ...lenet300,
      prunableTypes: ['Convolution' as const],
      prunableParameters: 6e7,
      trainImages: 1e6,
    }
    for (const facts of [lenet300, small, large]) {
      const settings = rule(facts, { effort })
      expect(cycleProblems(settings)).toEqual([])
      expect(plannedIterations(settings, facts.prunableParameters)).toBeGreaterThan(0)
      for (const { removed } of settings.stages) expect(removed).toBeLessThanOrEqual(0.6)
    }
  })

  it('is shorter with less effort', () => {
    const lengths = EFFORTS.map((effort) => plannedIterations(rule(lenet300, { effort }), 266_610))
    expect(lengths).toEqual([...lengths].sort((a, b) => a - b))
    expect(lengths[0] * 4).toBeLessThan(lengths[2])
  })

  it('augments small pictures alone, and teaches with them only', () => {
    expect(augmentable([1, 28, 28])).toBe(true)
    expect(augmentable([3, 32, 32])).toBe(true)
    expect(augmentable([3, 227, 227])).toBe(false)
    expect(augmentable([100, 1, 1])).toBe(false)
    expect(rule(lenet300, { augment: false })).toMatchObject({
      augmentation: null,
      distillation: null,
      fineTune: null,
    })
    const against: CycleGoal = { kind: 'accuracy', loss: 0, validationImages: 10, against: 'fine-tuned' }
    expect(rule(lenet300, { augment: false, goal: against }).fineTune).not.toBeNull()
  })
})

describe('settings of cycles from outside', () => {
  const good = settingsOf({ kind: 'size', kept: [70, 20] })
  const faultOf = (change: object): string | undefined => cycleProblems({ ...good, ...change })[0]?.field
  it('names the field at fault', () => {
    expect(cycleProblems(good)).toEqual([])
    expect(faultOf({ learningRate: 0 })).toBe('learningRate')
    expect(faultOf({ goal: { kind: 'size', kept: [20, 70] } })).toBe('goal.kept')
    expect(faultOf({ goal: { kind: 'size', kept: [] } })).toBe('goal.kept')
    expect(faultOf({ goal: { kind: 'weight' } })).toBe('goal.kind')
    expect(faultOf({ goal: { kind: 'accuracy', loss: 2, validationImages: 5, against: 'given' } })).toBe(
      'goal.loss',
    )
    expect(faultOf({ stages: [{ above: 0.5, removed: 0.3, iterations: 2 }] })).toBe('stages[0].above')
    expect(faultOf({ stages: [{ above: 0, removed: 1, iterations: 2 }] })).toBe('stages[0].removed')
    expect(faultOf({ score: 'best' })).toBe('score')
    expect(faultOf({ speed: 1 })).toBe('speed')
    expect(faultOf({ distillation: { weight: 1 } })).toBe('distillation.temperature')
    const goal = { kind: 'accuracy', loss: 0.1, validationImages: 5, against: 'fine-tuned' }
    expect(faultOf({ goal, fineTune: null })).toBe('goal.against')
    expect(() => parseRunSettings({ ...good, seed: -1 })).toThrow('seed')
  })
})
