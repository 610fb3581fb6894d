// Numbers as the window shows them.

const integers = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 })
const oneDecimal = new Intl.NumberFormat('en-US', { minimumFractionDigits: 1, maximumFractionDigits: 1 })

export const unknown = '–'

export const integer = (value: number): string => integers.format(value)

export function percent(fraction: number | null): string {
  return fraction === null || !Number.isFinite(fraction) ? unknown : `${(fraction * 100).toFixed(2)}%`
}

export function ratio(value: number | null): string {
  return value === null || !Number.isFinite(value) ? unknown : `${oneDecimal.format(value)}×`
}

export function loss(value: number): string {
  if (!Number.isFinite(value)) return unknown
  return Math.abs(value) >= 0.001 || value === 0 ? value.toFixed(4) : value.toExponential(2)
}

/** A difference of two fractions in percentage points, signed. */
export function points(difference: number): string {
  const rounded = Math.abs(difference) < 0.00005 ? 0 : difference * 100
  const sign = rounded > 0 ? '+' : rounded < 0 ? '−' : '±'
  return `${sign}${Math.abs(rounded).toFixed(2)}`
}

export function bytes(count: number): string {
  if (count < 1000) return `${count} B`
  if (count < 1e6) return `${(count / 1e3).toFixed(1)} kB`
  if (count < 1e9) return `${(count / 1e6).toFixed(2)} MB`
  return `${(count / 1e9).toFixed(2)} GB`
}

export interface DurationUnits {
  seconds: string
  minutes: string
  hours: string
}

export function duration(total: number, { seconds, minutes, hours }: DurationUnits): string {
  const whole = Math.max(0, Math.round(total))
  if (whole < 60) return `${whole} ${seconds}`
  const wholeMinutes = Math.floor(whole / 60)
  return wholeMinutes < 60
    ? `${wholeMinutes} ${minutes} ${whole % 60} ${seconds}`
    : `${Math.floor(wholeMinutes / 60)} ${hours} ${wholeMinutes % 60} ${minutes}`
}

/** 2026-11-23 20:15 UTC: the same for every reader. */
export function date(iso: string): string {
  return `${iso.slice(0, 10)} ${iso.slice(11, 16)} UTC`
}
