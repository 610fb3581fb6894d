/** A column of numbers that grows: a typed array with room to spare. */
export class GrowingColumn {
  private values: Float64Array
  private used = 0

  constructor(capacity = 1024) {
    this.values = new Float64Array(capacity)
  }

  get length(): number {
    return this.used
  }

  /** Reserved, of which at most half is spare. */
  get bytes(): number {
    return this.values.byteLength
  }

  get last(): number {
    return this.used === 0 ? NaN : this.values[this.used - 1]
  }

  push(value: number): void {
    this.reserve(this.used + 1)
    this.values[this.used++] = value
  }

  append(values: Float64Array): void {
    this.reserve(this.used + values.length)
    this.values.set(values, this.used)
    this.used += values.length
  }

  /** The values so far, not copied: valid until the next push. */
  view(): Float64Array {
    return this.values.subarray(0, this.used)
  }

  private reserve(length: number): void {
    if (length <= this.values.length) return
    const grown = new Float64Array(Math.max(length, this.values.length * 2))
    grown.set(this.view())
    this.values = grown
  }
}
