// Axes: from values to places on paper, and where to write which value.

export interface Axis {
  low: number
  high: number
  /** Share of the axis' length, 0..1. */
  share(value: number): number
  ticks: number[]
}

/** Ticks at 1, 2 or 5 times a power of ten, about `wanted` of them; the axis ends at ticks. */
export function linearAxis(low: number, high: number, wanted = 4): Axis {
  const span = high > low ? high - low : Math.abs(high) || 1
  const step = niceStep(span / wanted)
  const first = Math.floor(low / step + 1e-9)
  const last = Math.max(first + 1, Math.ceil(high / step - 1e-9))
  // from whole numbers: adding up steps would leave 0.30000000000000004
  const ticks = Array.from({ length: last - first + 1 }, (_, index) => rounded((first + index) * step))
  return within(ticks[0], ticks[ticks.length - 1], ticks)
}

/** As `linearAxis`, ending where the values end. */
export function tightAxis(low: number, high: number, wanted = 6): Axis {
  const end = high > low ? high : low + 1
  const { ticks } = linearAxis(low, end, wanted)
  return within(
    low,
    end,
    ticks.filter((tick) => tick >= low && tick <= end),
  )
}

/** Whole decades from 1. */
export function logAxis(high: number): Axis {
  const decades = Math.max(1, Math.ceil(Math.log10(Number.isFinite(high) ? high : 1) - 1e-9))
  return {
    low: 1,
    high: 10 ** decades,
    share: (value) => Math.log10(Math.max(1, value)) / decades,
    ticks: Array.from({ length: decades + 1 }, (_, power) => 10 ** power),
  }
}

function within(low: number, high: number, ticks: number[]): Axis {
  return { low, high, ticks, share: (value) => (value - low) / (high - low) }
}

function niceStep(rough: number): number {
  const magnitude = 10 ** Math.floor(Math.log10(rough))
  const factor = [1, 2, 5, 10].find((candidate) => candidate * magnitude >= rough * 0.999) ?? 10
  return factor * magnitude
}

const rounded = (value: number): number => Number(value.toPrecision(12))
