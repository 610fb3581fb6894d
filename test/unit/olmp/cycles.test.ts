import { describe, expect, it } from 'vitest'

import { CycleLoop, type CycleCheckpoint, type Validation } from '../../../main/olmp/CycleLoop'
import { cycleProblems } from '../../../main/olmp/cycleProblems'
import { augmentable, cycleRule, type CycleFacts } from '../../../main/olmp/cycleRule'
import { iterationsOf, nextCycle, plannedCycles, segmentRates } from '../../../main/olmp/cycleSchedule'
import { EFFORTS, type CycleGoal, type CycleSettings, type Growth } from '../../../main/olmp/cycleSettings'
import { heldOut, standardError, validationImages } from '../../../main/olmp/heldOut'
import { searchSplit, spread } from '../../../main/olmp/layerSplit'
import { Mt19937 } from '../../../main/olmp/mt19937'
import { comparableRate } from '../../../main/olmp/solverRate'
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
    denseLearningRate: null,
    growth: null,
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

const growth: Growth = {
  below: 0.5,
  share: 0.4,
  lastShare: 0.1,
  perOutput: 2,
  batches: 2,
  iterations: 6,
  rounds: 3,
  retraining: 4,
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
    fineTuned = null,
    statistics = [],
  }: {
    from?: Trial
    interval?: number
    validate?: Validate | null
    fineTuned?: Validation['fineTuned']
    statistics?: number[]
  } = {},
): Trial {
  const saved = from?.saved ?? new Map<string, string>()
  const kept = from?.kept ?? new Map<number, string>()
  const session = new FakeSession(fakeNet(), saved)
  for (const index of statistics) {
    session.parameters[index] = { layer: 'bn', slot: 0, shape: [3], lrMult: 0, decayMult: 0, prunable: -1 }
  }
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
    statistics,
    restoreGiven: async () => {
      session.calls.push({ name: 'restoreGiven' })
    },
    front: {
      keep: async (record) => {
        await session.saveState(nameOf(record))
        kept.set(record.iteration, saved.get(nameOf(record)) ?? '')
      },
      restore: async (record) => {
        const { iteration } = session
        await session.loadState(nameOf(record))
        session.iteration = iteration
      },
    },
    validation: validate === null ? null : { images: 100, accuracy: () => validate(session), fineTuned },
    state: from?.points.at(-1)?.state,
  })
  return { session, loop, events, points, saved, kept }
}

type Validate = (session: FakeSession) => Promise<number>

async function keptOf(session: FakeSession): Promise<number> {
  const counts = await session.keptCounts()
  return counts.reduce((sum, { keptWeights, keptBiases }) => sum + keptWeights + keptBiases, 0)
}

/** A run stopped at an iteration, and another that has gone on to the end from where it stopped: that one. */
async function stoppedAt(
  at: number,
  settings: CycleSettings,
  validate: Validate | null = null,
): Promise<Trial> {
  const first = prepare(settings, { validate, interval: 7 })
  first.session.onTrainStep = (iteration) => {
    if (iteration < at) return 'go'
    first.loop.requestStop()
    return 'cancel'
  }
  expect(await first.loop.run()).toBe('stopped')
  const second = prepare(settings, { validate, from: first, interval: 7 })
  await second.session.loadState(`${first.points.length}`)
  expect(await second.loop.run()).toBe('finished')
  return second
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

  const within: CycleGoal = { kind: 'accuracy', loss: 0.01, validationImages: 100, against: 'given' }

  it('trains nets of the stages before the last at a rate of their own', async () => {
    const trial = prepare(
      settingsOf({ kind: 'size', kept: [50] }, { denseLearningRate: 0.02, fineTune: null }),
    )
    await trial.loop.run()
    const rates = trial.session.calls.flatMap((call) =>
      call.name === 'train' ? [Math.max(...(call.rates ?? []))] : [],
    )
    // 84 of 120 parameters, then 58 and fewer
    const atEnd = frontOf(trial).findIndex(({ kept }) => kept <= 60)
    expect(atEnd).toBeGreaterThan(0)
    expect(Math.max(...rates)).toBeGreaterThan(0.05)
    const first = trial.session.calls
      .flatMap((call) => (call.name === 'train' ? [...(call.rates ?? [])] : []))
      .slice(0, 20)
    expect(Math.max(...first)).toBeLessThanOrEqual(0.02)
  })

  it('ends two failures after the smallest net that answers an accuracy goal, and gives that one', async () => {
    const validate: Validate = async (session) => ((await keptOf(session)) >= 60 ? 0.9 : 0.5)
    const stages = [{ above: 0, removed: 0.1, iterations: 10 }]
    const trial = prepare(settingsOf(within, { stages }), { validate })
    expect(await trial.loop.run()).toBe('finished')
    const front = frontOf(trial)
    const { chosen, reference, against } = trial.loop.state()
    expect({ reference, against }).toEqual({ reference: 0.9, against: 'given' })
    expect(chosen?.kept).toBeGreaterThanOrEqual(60)
    expect(front.filter(({ kept }) => kept < (chosen?.kept ?? 0))).toHaveLength(2)
    expect(await keptOf(trial.session)).toBe(chosen?.kept)
  })

  it('takes smaller, longer steps from the last net that answered, where a large one failed', async () => {
    const validate: Validate = async (session) => ((await keptOf(session)) >= 60 ? 0.9 : 0.5)
    const trial = prepare(settingsOf(within), { validate })
    await trial.loop.run()
    const front = frontOf(trial)
    // removing 0.3, then 0.16 and at last 0.1 at once; the two failures in a row are those of the smallest step
    expect(front.map(({ kept }) => kept)).toEqual([120, 84, 58, 70, 58, 63, 56, 50])
    expect(trial.loop.state().chosen?.kept).toBe(63)
    const lengths = front.map(({ iteration }, i) => iteration - (front[i - 1]?.iteration ?? 0))
    expect(lengths).toEqual([15, 20, 20, 20, 20, 20, 20, 10])
  })

  it('goes on past a net that fails within the standard error, and gives up after several', async () => {
    // 100 images: the standard error of 0.9 is 0.03
    const validate: Validate = async (session) => {
      const kept = await keptOf(session)
      return kept === 70 ? 0.88 : kept >= 45 ? 0.9 : 0.87
    }
    const stages = [{ above: 0, removed: 0.1, iterations: 10 }]
    const trial = prepare(settingsOf(within, { stages }), { validate })
    await trial.loop.run()
    const sizes = frontOf(trial).map(({ kept }) => kept)
    expect(sizes).toEqual([120, 108, 97, 87, 78, 70, 63, 56, 50, 45, 40, 36, 32, 28])
    expect(trial.loop.state().chosen?.kept).toBe(45)
  })

  it('goes on as if it had not stopped where nets fail, too', async () => {
    const validate: Validate = async (session) => ((await keptOf(session)) >= 60 ? 0.9 : 0.5)
    const whole = prepare(settingsOf(within), { validate, interval: 7 })
    await whole.loop.run()
    for (const at of [16, 54, 60, 76, 110]) {
      const second = await stoppedAt(at, settingsOf(within), validate)
      expect(second.session.content()).toEqual(whole.session.content())
      expect(second.loop.state().chosen?.kept).toBe(whole.loop.state().chosen?.kept)
    }
  })

  it('gives the whole net where none answers', async () => {
    const validate: Validate = async (session) => ((await keptOf(session)) === TOTAL ? 0.9 : 0.1)
    const trial = prepare(settingsOf(within), { validate })
    await trial.loop.run()
    expect(trial.loop.state().chosen).toMatchObject({ cycle: 0, kept: TOTAL })
  })

  it('compares with the net fine-tuned without the images held out where the given one has learnt them by heart', async () => {
    let asked = 0
    const validate: Validate = async (session) => {
      if (asked++ === 0) return 1
      return (await keptOf(session)) >= 60 ? 0.9 : 0.5
    }
    const trial = prepare(settingsOf(within), { validate })
    await trial.loop.run()
    const { reference, against, chosen } = trial.loop.state()
    expect({ reference, against }).toEqual({ reference: 0.9, against: 'fine-tuned' })
    expect(chosen?.kept).toBe(63)
    const said = trial.events.flatMap((event) => (event.kind === 'log' ? [event.text] : [])).join('\n')
    expect(said).toContain(
      'the smallest net that loses at most 1.00 points of accuracy on 100 training images',
    )
    expect(said).toContain('The given net has 100.00% on the images held out (standard error 0.00 points)')
    expect(said).toContain('--against fine-tuned compares with it fine-tuned without them')
    expect(said).toContain('has 90.00% (standard error 3.00 points): the goal compares with that')
    expect(said).toContain('the given net has learnt the images held out by heart')
    expect(said).toContain('validation accuracy 90.00% (standard error 3.00 points) against 90.00%')
  })

  it('compares with a net fine-tuned beside the run, and asks for it again where it was stopped meanwhile', async () => {
    const goal: CycleGoal = { ...within, against: 'fine-tuned' }
    const validate: Validate = async (session) => ((await keptOf(session)) >= 60 ? 0.95 : 0.85)
    const first = prepare(settingsOf(goal), {
      validate,
      fineTuned: async () => {
        first.loop.requestStop()
        return null
      },
    })
    expect(await first.loop.run()).toBe('stopped')
    expect(first.loop.state()).toMatchObject({ reference: null, chosen: null, cycle: 0 })
    const second = prepare(settingsOf(goal), { validate, from: first, fineTuned: async () => 0.86 })
    await second.session.loadState(`${first.points.length}`)
    expect(await second.loop.run()).toBe('finished')
    // 0.85 is within a point of 0.86: no net fails, however small
    expect(second.loop.state()).toMatchObject({ reference: 0.86, against: 'fine-tuned' })
    expect(second.loop.state().chosen?.kept).toBe(1)
  })

  it.each(['fisher', 'thresholds', 'fisher-thresholds'] as const)(
    'stops anywhere and goes on as if it had not (%s)',
    async (score) => {
      const settings = settingsOf({ kind: 'size', kept: [40] }, { score })
      const whole = prepare(settings, { interval: 7 })
      await whole.loop.run()
      for (const at of [3, 15, 16, 40, 71]) {
        const second = await stoppedAt(at, settings)
        expect(second.session.content()).toEqual(whole.session.content())
        expect(second.loop.state().front.map(({ kept }) => kept)).toEqual(
          whole.loop.state().front.map(({ kept }) => kept),
        )
      }
    },
  )

  it('lets pruned parameters come back and prunes others, in cycles and in rounds at the size asked for', async () => {
    const trial = prepare(settingsOf({ kind: 'size', kept: [50] }, { growth }))
    await trial.loop.run()
    const { calls } = trial.session
    const first = calls.findIndex(({ name }) => name === 'scoreGrowth')
    const names = calls.slice(first).flatMap(({ name }) => (['rewind', 'test'].includes(name) ? [] : [name]))
    const once = names.filter((name, i) => name !== names[i - 1])
    const round = ['scoreGrowth', 'growBest', 'freezeMasks', 'resetHistory', 'train']
    const pruning = ['scoreFisher', 'keepBest', 'freezeMasks', 'resetHistory', 'train']
    const cycle = [...round, ...pruning]
    expect(once).toEqual(Array.from({ length: 5 }, () => cycle).flat())
    // from 58 of 120 to 52 and 50, then the rounds: 0.4, 0.2 and 0.1 of 50 more
    const grown = calls.flatMap((call) => (call.name === 'growBest' ? [call.value] : []))
    expect(grown).toEqual([23, 21, 20, 10, 5])
    const front = frontOf(trial)
    expect(front.filter(({ kept }) => kept === 50)).toHaveLength(1)
    expect(trial.loop.state().chosen).toMatchObject({ kept: 50, iteration: trial.session.iteration })
    const said = trial.events.flatMap((event) => (event.kind === 'phase' ? [event] : []))
    expect(said.map(({ text }) => text)).toContain('Cycle 4, round 2 of 3: training what came back')
    expect(said.at(-1)?.iterations).toBe(trial.session.iteration)
    // scoring and retraining tell the same number of cycles
    const last = said.filter(({ cycle }) => cycle?.number === 4)
    expect(new Set(last.map(({ cycle }) => cycle?.of))).toEqual(new Set([4]))
  })

  it('stops anywhere in growth and rounds and goes on as if it had not', async () => {
    const settings = settingsOf({ kind: 'size', kept: [50, 40] }, { growth })
    const whole = prepare(settings, { interval: 7 })
    await whole.loop.run()
    const end = whole.session.iteration
    for (let at = 50; at < end; at += 9) {
      const second = await stoppedAt(at, settings)
      expect(second.session.iteration).toBe(end)
      expect(second.session.content()).toEqual(whole.session.content())
      expect(second.loop.state()).toMatchObject({
        front: whole.loop.state().front.map(({ kept }) => ({ kept })),
      })
    }
  })

  /** A goal of accuracy that 45 parameters fail but with rounds, each of which is worth one. */
  function prepareHeld(): Trial {
    const rounds = (session: FakeSession): number =>
      session.calls.filter(({ name }) => name === 'growBest').length
    const validate: Validate = async (session) =>
      (await keptOf(session)) + Math.min(8, rounds(session)) >= 48 ? 0.9 : 0.5
    const stages = [{ above: 0, removed: 0.1, iterations: 10 }]
    return prepare(settingsOf(within, { stages, growth }), { validate })
  }

  it('tries the size that failed a goal of accuracy once more, with rounds', async () => {
    const trial = prepareHeld()
    expect(await trial.loop.run()).toBe('finished')
    const { chosen, held } = trial.loop.state()
    const sizes = frontOf(trial).map(({ kept }) => kept)
    // 45 fails, then 40: it is tried again from 50, answers, and so does nothing after it
    expect(sizes.slice(0, 10)).toEqual([120, 108, 97, 87, 78, 70, 63, 56, 50, 45])
    expect(sizes.filter((kept) => kept === chosen?.kept).length).toBeGreaterThan(0)
    expect(chosen?.kept).toBeLessThanOrEqual(45)
    expect(held).toBe(true)
    expect(await keptOf(trial.session)).toBe(chosen?.kept)
  })

  it('begins the rounds of a goal of accuracy again, slower, where their training diverges', async () => {
    const trial = prepareHeld()
    let diverged = false
    trial.session.onTrainStep = () => {
      if (diverged || trial.loop.state().hold === null) return 'go'
      diverged = true
      return 'diverge'
    }
    expect(await trial.loop.run()).toBe('finished')
    const { chosen, rateShare } = trial.loop.state()
    expect(diverged).toBe(true)
    expect(rateShare).toBeCloseTo(1 / 3)
    expect(chosen?.kept).toBeLessThanOrEqual(45)
  })

  it('repeats training that diverged at smaller rates', async () => {
    const trial = prepare(settingsOf({ kind: 'size', kept: [40] }))
    let diverged = 0
    const at = [7, 25]
    trial.session.onTrainStep = (iteration) => {
      if (iteration !== at[diverged]) return 'go'
      diverged += 1
      return 'diverge'
    }
    expect(await trial.loop.run()).toBe('finished')
    expect(trial.session.calls.filter(({ name }) => name === 'restoreGiven')).toHaveLength(1)
    expect(trial.loop.state().rateShare).toBeCloseTo(1 / 9)
    // the fine-tuning at a third, the cycles at a ninth; every one of them is there once
    const front = frontOf(trial)
    expect(front.map(({ cycle }) => cycle)).toEqual(front.map((_, i) => i))
    const rates = trial.session.calls.flatMap((call) => (call.name === 'train' ? (call.rates ?? []) : []))
    expect(Math.max(...rates.slice(-20))).toBeLessThanOrEqual(0.1 / 9)
  })

  it('repeats training that ends with a much larger loss than it began with', async () => {
    const trial = prepare(settingsOf({ kind: 'size', kept: [40] }))
    trial.session.lossAt = (iteration) => (iteration <= 15 ? iteration : 1)
    expect(await trial.loop.run()).toBe('finished')
    expect(trial.session.calls.filter(({ name }) => name === 'restoreGiven')).toHaveLength(1)
    expect(frontOf(trial)[0]).toMatchObject({ cycle: 0, iteration: 30 })
    expect(trial.loop.state().rateShare).toBeCloseTo(1 / 3)
  })

  it('tells a loss that is no number at any rate', async () => {
    const trial = prepare(settingsOf({ kind: 'size', kept: [40] }))
    trial.session.onTrainStep = (iteration) => (iteration === 20 ? 'diverge' : 'go')
    await expect(trial.loop.run()).rejects.toMatchObject({ code: 'diverged' })
  })

  it('measures running statistics anew at the end of every training, with nothing else moving', async () => {
    const trial = prepare(settingsOf({ kind: 'size', kept: [90] }), { statistics: [0, 1] })
    await trial.loop.run()
    const { calls } = trial.session
    expect(frontOf(trial).map(({ iteration }) => iteration)).toEqual([115, 235])
    const cleared = calls.flatMap((call, i) => (call.name === 'setParameter' && call.value === 0 ? [i] : []))
    expect(cleared).toHaveLength(2)
    for (const i of cleared) {
      expect(calls[i - 1].name).toBe('resetHistory')
      expect(calls[i]).toMatchObject({ rates: [0, 0, 0] })
      const rest = calls.slice(i)
      const after = rest.slice(
        0,
        rest.findIndex(({ name }) => name === 'rewind'),
      )
      const rates = after.flatMap((call) => (call.name === 'train' ? (call.rates ?? []) : []))
      expect(rates).toEqual(Array.from({ length: 100 }, () => 0))
    }
  })
})

describe('the schedule of cycles', () => {
  it('takes the stage by what is kept, and does not pass over a size', () => {
    const settings = settingsOf({ kind: 'size', kept: [80, 20] })
    const none = { grown: 0, rounds: 0 }
    expect(nextCycle(settings, 100, 100)).toEqual({ target: 80, iterations: 20, ...none })
    expect(nextCycle(settings, 80, 100)).toEqual({ target: 56, iterations: 20, ...none })
    expect(nextCycle(settings, 40, 100)).toEqual({ target: 36, iterations: 10, ...none })
    // an end is trained for as long as any
    expect(nextCycle(settings, 21, 100)).toEqual({ target: 20, iterations: 20, ...none })
    expect(nextCycle(settings, 20, 100)).toBeNull()
    expect(plannedCycles(settings, 100, 100).at(-1)?.target).toBe(20)
  })

  it('lets parameters come back where few are kept, and holds rounds at the sizes asked for', () => {
    const settings = settingsOf({ kind: 'size', kept: [40, 20] }, { growth })
    expect(nextCycle(settings, 80, 100)).toMatchObject({ grown: 0, target: 56, rounds: 0 })
    expect(nextCycle(settings, 42, 100)).toMatchObject({ grown: 17, target: 40, rounds: 3 })
    expect(nextCycle(settings, 40, 100)).toMatchObject({ grown: 16, target: 36, rounds: 0 })
    const end = nextCycle(settings, 21, 100)
    expect(end).toMatchObject({ grown: 8, target: 20, iterations: 20, rounds: 3 })
    expect(end && iterationsOf(end, growth)).toBe(6 + 20 + (6 + 4) + (6 + 4) + (6 + 20))
    // fewer where nothing comes back in the cycles yet, and none on their way
    const [dense, denser] = [70, 100].map((size) =>
      nextCycle({ ...settings, goal: { kind: 'size', kept: [size] } }, size + 10, 150),
    )
    expect(dense).toMatchObject({ grown: 0, target: 70, rounds: 3 })
    expect(denser).toMatchObject({ grown: 0, target: 100, rounds: 2 })
  })

  it('makes the same rates in one piece and in two', () => {
    const rates = { largest: 0.1, last: 0.2 }
    const whole = segmentRates(rates, 10, 50, 0, 50)
    const two = [...segmentRates(rates, 10, 50, 0, 21), ...segmentRates(rates, 10, 50, 21, 29)]
    expect([...whole]).toEqual(two)
    expect(whole[49]).toBeCloseTo(0.02, 3)
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
  floatData: false,
  testBatch: 100,
}

describe('the rule for any net', () => {
  const goal: CycleGoal = { kind: 'size', kept: [1300] }
  const rule = (facts: CycleFacts, change = {}): CycleSettings =>
    cycleRule(facts, { effort: 'thorough', goal, augment: true, seed: 1, ...change })

  it('gives the recipe that was measured for nets like those it was measured on', () => {
    const { stages, fineTune, learningRate, growth } = rule(lenet300)
    expect(learningRate).toBeCloseTo(0.2)
    expect(stages.map(({ removed }) => Number(removed.toFixed(2)))).toEqual([0.5, 0.2, 0.03])
    expect(stages[1].iterations).toBeGreaterThan(3500)
    expect(stages[1].iterations).toBeLessThan(4500)
    expect(growth).toMatchObject({
      perOutput: 1,
      batches: 200,
      rounds: 60,
      iterations: 1969,
      retraining: 3000,
    })
    expect(fineTune).toMatchObject({ iterations: 10_031, learningRate: 0.1 })
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
    const can = (change: Partial<CycleFacts>): boolean => augmentable({ ...lenet300, ...change })
    expect(can({})).toBe(true)
    expect(can({ datumShape: [3, 32, 32] })).toBe(true)
    expect(can({ datumShape: [3, 227, 227] })).toBe(false)
    expect(can({ datumShape: [100, 1, 1] })).toBe(false)
    expect(can({ floatData: true })).toBe(false)
    // fewer copies where four would not fit in memory, and none where two would not
    const tiny = { datumShape: [3, 64, 64] as [number, number, number] }
    expect(rule({ ...lenet300, ...tiny, trainImages: 30_000 }).augmentation?.copies).toBe(2)
    expect(can({ ...tiny, trainImages: 100_000 })).toBe(false)
    expect(rule(lenet300, { augment: false })).toMatchObject({
      augmentation: null,
      distillation: null,
      fineTune: null,
    })
  })

  it.each(['given', 'fine-tuned'] as const)('fine-tunes first where images are held out (%s)', (against) => {
    const accuracy: CycleGoal = { kind: 'accuracy', loss: 0, validationImages: 10, against }
    expect(rule(lenet300, { augment: false, goal: accuracy }).fineTune).not.toBeNull()
  })

  it('trains no faster than is good for such nets where the solver does not, and no slower than the solver', () => {
    const convolutional: CycleFacts = { ...lenet300, prunableTypes: ['Convolution'] }
    const rateOf = (baseLearningRate: number, augment: boolean, facts = convolutional): number =>
      rule({ ...facts, baseLearningRate }, { augment }).learningRate
    expect([rateOf(0.01, true), rateOf(0.01, false)]).toEqual([0.05, 0.1])
    expect([rateOf(0.1, true, lenet300), rateOf(0.1, false, lenet300)]).toEqual([0.2, 0.1])
    expect([rateOf(0.1, true), rateOf(0.1, false)]).toEqual([0.1, 0.1])
    expect(rateOf(0.5, true)).toBe(0.5)
    const solver = { type: 'SGD' as const, base_lr: 0.1, momentum: 0.9, iter_size: 1 }
    expect(comparableRate(solver)).toBeCloseTo(0.1)
    expect(comparableRate({ ...solver, momentum: 0 })).toBeCloseTo(0.01)
    expect(comparableRate({ ...solver, iter_size: 4 })).toBeCloseTo(0.025)
    expect(comparableRate({ ...solver, type: 'Adam', base_lr: 1e-4 })).toBe(0.01)
  })

  it('gives a net of few images time to recover, and looks at none of them twice for one score', () => {
    const few = rule({ ...lenet300, trainImages: 160, trainBatch: 8 })
    expect(few.stages.map(({ iterations }) => iterations)).toEqual([250, 250, 250])
    expect(few.fisherBatches).toBe(20)
    expect(few.search.sampleBatches).toBe(20)
    // scores are of images, not of batches
    expect(rule({ ...lenet300, trainBatch: 256 }).fisherBatches).toBe(50)
    // 2,048 pictures of 256 x 256 would be 1.6 GB
    const pictures: [number, number, number] = [3, 256, 256]
    expect(rule({ ...lenet300, datumShape: pictures }).search.sampleBatches).toBe(6)
  })
})

describe('the images held out', () => {
  const held = (trainImages: number, testBatch = 100): number => validationImages({ trainImages, testBatch })
  it('are 10,000 where there are as many to spare, a third of few, in whole batches of the test net', () => {
    expect([held(60_000), held(50_000), held(30_000)]).toEqual([10_000, 10_000, 10_000])
    expect([held(200_000), held(1_281_167)]).toEqual([33_300, 50_000])
    expect([held(1000), held(160, 8), held(300, 120)]).toEqual([300, 48, 120])
    // a test batch that half of them do not fill
    expect(held(150, 100)).toBe(75)
    expect(held(1, 1)).toBe(1)
    expect(heldOut(80, 100)).toBe(50)
  })

  it('judge as finely as their number', () => {
    expect(standardError(0.99, 10_000)).toBeCloseTo(0.000995, 6)
    expect(standardError(1, 10)).toBe(0)
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
