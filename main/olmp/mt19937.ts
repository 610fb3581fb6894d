// Mersenne Twister MT19937 (Matsumoto, Nishimura 1998) with the derived draws of NumPy's legacy RandomState, value for
// value: what `numpy.random.seed([s])`, `rand` and `randn` give, every generator of a run gives.

import { preciseLog } from './preciseLog'

const LENGTH = 624
const MIDDLE = 397
const UPPER_BIT = 0x80000000
const LOWER_BITS = 0x7fffffff

/** Everything that decides the generator's future; plain JSON. */
export interface RandomState {
  /** The 624 words of the twister. */
  key: number[]
  /** Words of `key` already used; 624: twist before the next draw. */
  position: number
  /** The second deviate of the last polar pair, null where it has been used. */
  spareNormal: number | null
}

export class Mt19937 {
  private readonly key = new Uint32Array(LENGTH)
  private position = LENGTH
  private spareNormal: number | null = null

  /** `seeds` as in `numpy.random.seed([...])`: non-negative integers below 2^32 (init_by_array). */
  constructor(seeds: number[]) {
    this.seedWithArray(seeds)
  }

  static restore(state: RandomState): Mt19937 {
    const generator = new Mt19937([0])
    generator.setState(state)
    return generator
  }

  state(): RandomState {
    return { key: Array.from(this.key), position: this.position, spareNormal: this.spareNormal }
  }

  setState(state: RandomState): void {
    this.key.set(state.key)
    this.position = state.position
    this.spareNormal = state.spareNormal
  }

  /** 32 random bits. */
  nextUint32(): number {
    if (this.position === LENGTH) this.twist()
    let word = this.key[this.position++]
    word ^= word >>> 11
    word ^= (word << 7) & 0x9d2c5680
    word ^= (word << 15) & 0xefc60000
    word ^= word >>> 18
    return word >>> 0
  }

  /** Uniform in [0, 1) with 53 bits. */
  rand(): number {
    const high = this.nextUint32() >>> 5
    const low = this.nextUint32() >>> 6
    return (high * 67108864 + low) / 9007199254740992
  }

  /** Standard normal by Marsaglia's polar method; the second value of a pair is kept for the next call. */
  randn(): number {
    if (this.spareNormal !== null) {
      const spare = this.spareNormal
      this.spareNormal = null
      return spare
    }
    let x: number
    let y: number
    let radius: number
    do {
      x = 2 * this.rand() - 1
      y = 2 * this.rand() - 1
      radius = x * x + y * y
    } while (radius >= 1 || radius === 0)
    const factor = Math.sqrt((-2 * preciseLog(radius)) / radius)
    this.spareNormal = factor * x
    return factor * y
  }

  private seedWithInteger(seed: number): void {
    this.key[0] = seed
    for (let i = 1; i < LENGTH; i++) {
      const previous = this.key[i - 1] ^ (this.key[i - 1] >>> 30)
      this.key[i] = Math.imul(1812433253, previous) + i
    }
  }

  private seedWithArray(seeds: number[]): void {
    this.seedWithInteger(19650218)
    let i = 1
    let j = 0
    const advance = (): void => {
      if (++i >= LENGTH) {
        this.key[0] = this.key[LENGTH - 1]
        i = 1
      }
    }
    for (let k = Math.max(LENGTH, seeds.length); k > 0; k--) {
      const previous = this.key[i - 1] ^ (this.key[i - 1] >>> 30)
      this.key[i] = (this.key[i] ^ Math.imul(previous, 1664525)) + seeds[j] + j
      if (++j >= seeds.length) j = 0
      advance()
    }
    for (let k = LENGTH - 1; k > 0; k--) {
      const previous = this.key[i - 1] ^ (this.key[i - 1] >>> 30)
      this.key[i] = (this.key[i] ^ Math.imul(previous, 1566083941)) - i
      advance()
    }
    this.key[0] = UPPER_BIT
    this.position = LENGTH
    this.spareNormal = null
  }

  private twist(): void {
    const { key } = this
    for (let i = 0; i < LENGTH; i++) {
      const mixed = (key[i] & UPPER_BIT) | (key[(i + 1) % LENGTH] & LOWER_BITS)
      key[i] = key[(i + MIDDLE) % LENGTH] ^ (mixed >>> 1) ^ (mixed & 1 ? 0x9908b0df : 0)
    }
    this.position = 0
  }
}
