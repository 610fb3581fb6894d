// A column's exponential moving average, computed once per value: a redraw of a long run costs what is new.

import { GrowingColumn } from './GrowingColumn'

/** Start corrected as in Kingma, Ba (2014), section 3; weight 0 is the column itself. */
export class Smoothed {
  private values = new GrowingColumn()
  private source: GrowingColumn | null = null
  private weight = 0
  private mean = 0
  private correction = 1

  of(source: GrowingColumn, weight: number): Float64Array {
    if (weight <= 0) return source.view()
    if (source !== this.source || weight !== this.weight || this.values.length > source.length) {
      this.restart(source, weight)
    }
    const view = source.view()
    for (let index = this.values.length; index < view.length; index++) {
      if (Number.isFinite(view[index])) {
        this.mean = weight * this.mean + (1 - weight) * view[index]
        this.correction *= weight
      }
      this.values.push(this.correction === 1 ? NaN : this.mean / (1 - this.correction))
    }
    return this.values.view()
  }

  private restart(source: GrowingColumn, weight: number): void {
    this.source = source
    this.weight = weight
    this.values = new GrowingColumn()
    this.mean = 0
    this.correction = 1
  }
}
