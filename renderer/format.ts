// How numbers read, everywhere: thousands separated, always with a unit, in the window's language.

import { i18n } from './i18n'

const { t, locale } = i18n.global

const integers = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 })
const oneDecimal = new Intl.NumberFormat('en-US', { minimumFractionDigits: 1, maximumFractionDigits: 1 })

export function formatInteger(value: number): string {
  return integers.format(value)
}

/** 0.9773 -> 97.73% */
export function formatPercent(fraction: number): string {
  return Number.isFinite(fraction) ? `${(fraction * 100).toFixed(2)}%` : '–'
}

/** A difference of two fractions, in percentage points: +0.05 points. */
export function formatPoints(difference: number): string {
  const points = difference * 100
  const rounded = Math.abs(points) < 0.005 ? 0 : points
  const sign = rounded > 0 ? '+' : rounded < 0 ? '−' : '±'
  return t('units.points', { value: `${sign}${Math.abs(rounded).toFixed(2)}` })
}

/** A share in percentage points, without sign or unit: 0.001 -> 0.10 */
export function inPoints(share: number): string {
  return (share * 100).toFixed(2)
}

/** 297.68 -> 297.7× */
export function formatRatio(ratio: number): string {
  return Number.isFinite(ratio) ? `${oneDecimal.format(ratio)}×` : '–'
}

/** Decimal units, as files are sold and networks are described: 1.07 MB. */
export function formatBytes(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`
  if (bytes < 1e6) return `${(bytes / 1e3).toFixed(1)} kB`
  if (bytes < 1e9) return `${(bytes / 1e6).toFixed(2)} MB`
  return `${(bytes / 1e9).toFixed(2)} GB`
}

export function formatDuration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds))
  if (whole < 60) return t('units.seconds', { seconds: whole })
  const minutes = Math.floor(whole / 60)
  if (minutes < 60) return t('units.minutes', { minutes, seconds: whole % 60 })
  return t('units.hours', { hours: Math.floor(minutes / 60), minutes: minutes % 60 })
}

export function formatLoss(value: number): string {
  if (!Number.isFinite(value)) return '–'
  return Math.abs(value) >= 0.001 || value === 0 ? value.toFixed(4) : value.toExponential(2)
}

export function formatDate(iso: string): string {
  return new Date(iso).toLocaleString(locale.value === 'en' ? 'en-GB' : locale.value, {
    dateStyle: 'medium',
    timeStyle: 'short',
  })
}

export function formatShape(shape: number[]): string {
  return shape.length === 0 ? t('units.scalar') : shape.join(' × ')
}

/** Messages are written to follow a place (`net.prototxt:3:1: unknown ...`); alone they are sentences. */
export function asSentence(text: string): string {
  const capital = text.charAt(0).toUpperCase() + text.slice(1)
  if (/[.?!。？！]$/.test(capital)) return capital
  return /\p{Script=Han}[”’）]?$/u.test(capital) ? `${capital}。` : `${capital}.`
}
