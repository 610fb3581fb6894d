// Expected values: NumPy's legacy RandomState (numpy.random.RandomState().seed([s])), printed with repr.
import { describe, expect, it } from 'vitest'
import { Mt19937 } from '../../../main/olmp/mt19937'
import { preciseLog } from '../../../main/olmp/preciseLog'

interface Draws {
  seed: number
  rand: number[]
  randn: number[]
  /** rand, randn (uses the spare deviate), rand */
  mixed: number[]
  /** one rand after 5,000 more */
  after: number
}

const NUMPY: Draws[] = [
  {
    seed: 0,
    rand: [0.8444218515250481, 0.7579544029403025, 0.420571580830845, 0.25891675029296335],
    randn: [
      -2.5535272694015236, 0.3028459185822786, -0.6931771019959673, 1.0001800298305514, 2.5496904043291124,
    ],
    mixed: [0.9081128851953352, -0.7156279915891671, 0.5046868558173903],
    after: 0.6895116217540596,
  },
  {
    seed: 961449,
    rand: [0.2296929101379276, 0.19805882561328347, 0.07214911052605699, 0.9220435552158635],
    randn: [
      -0.0048867784198683515, 1.648469017952005, -0.09901909379252904, 1.290786733505489, -0.640964435382875,
    ],
    mixed: [0.15241352902166505, 0.470518375266659, 0.026460745280089015],
    after: 0.2921322387564037,
  },
  {
    seed: 981118,
    rand: [0.41601559009347466, 0.8112635689142835, 0.033487872902486004, 0.642316962701468],
    randn: [
      -0.23748887783171946, -0.9135249205956728, -2.1359553114027574, -0.8144049289824756, 0.5059196014401571,
    ],
    mixed: [0.6973858229930538, -1.1364007927475306, 0.3317417966414634],
    after: 0.4896731194642443,
  },
  {
    seed: 4294967295,
    rand: [0.6353574441341173, 0.20319993954407756, 0.6073666030347188, 0.29133552762158776],
    randn: [
      -1.1440837933317514, -1.539499982594811, 0.7351160152531521, 0.36678944375780304, 0.5407320235022683,
    ],
    mixed: [0.41044230061973264, -0.29978794342236975, 0.2169774768592596],
    after: 0.869344870749796,
  },
]

describe('Mt19937', () => {
  it.each(NUMPY)('draws what numpy draws after seed([$seed])', ({ seed, rand, randn, mixed, after }) => {
    const generator = new Mt19937([seed])
    expect(rand.map(() => generator.rand())).toEqual(rand)
    expect(randn.map(() => generator.randn())).toEqual(randn)
    expect([generator.rand(), generator.randn(), generator.rand()]).toEqual(mixed)
    for (let i = 0; i < 5000; i++) generator.rand()
    expect(generator.rand()).toBe(after)
  })

  it('continues from a state that went through JSON, the spare normal deviate included', () => {
    const generator = new Mt19937([7])
    for (let i = 0; i < 1001; i++) generator.randn()
    const copy = Mt19937.restore(JSON.parse(JSON.stringify(generator.state())))
    expect(copy.state().spareNormal).not.toBeNull()
    for (let i = 0; i < 2000; i++) expect(copy.randn()).toBe(generator.randn())
    expect(copy.state()).toEqual(generator.state())
  })
})

describe('preciseLog', () => {
  // x87 extended precision, rounded to double
  it.each([
    [0.5, -0.6931471805599453],
    [0.1, -2.3025850929940455],
    [0.9999999, -1.0000000494736474e-7],
    [1e-10, -23.025850929940457],
    [0.7071067811865475, -0.34657359027997275],
    [0.7071067811865476, -0.3465735902799726],
    [3, 1.0986122886681098],
    [1, 0],
  ])('log(%f) is the nearest double', (x, expected) => {
    expect(preciseLog(x)).toBe(expected)
  })
})
