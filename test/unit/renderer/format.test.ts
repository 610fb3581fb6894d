import { describe, expect, it } from 'vitest'

import {
  formatBytes,
  formatDuration,
  formatInteger,
  formatLoss,
  formatPercent,
  formatPoints,
  formatRatio,
} from '../../../renderer/format'

describe('number formats', () => {
  it('reads as the field writes', () => {
    expect(formatInteger(266610)).toBe('266,610')
    expect(formatPercent(0.9773)).toBe('97.73%')
    expect(formatRatio(297.6812)).toBe('297.7×')
    expect(formatRatio(1234.56)).toBe('1,234.6×')
    expect(formatBytes(431)).toBe('431 B')
    expect(formatBytes(1_066_624)).toBe('1.07 MB')
    expect(formatBytes(9_400)).toBe('9.4 kB')
    expect(formatDuration(192)).toBe('3 min 12 s')
    expect(formatDuration(7300)).toBe('2 h 1 min')
    expect(formatLoss(0.0123)).toBe('0.0123')
    expect(formatLoss(0.00001)).toBe('1.00e-5')
  })

  it('gives differences a sign, and none to what rounds to nothing', () => {
    expect(formatPoints(0.0005)).toBe('+0.05 points')
    expect(formatPoints(-0.0127)).toBe('−1.27 points')
    expect(formatPoints(-0.00001)).toBe('±0.00 points')
  })

  it('shows a dash for what is not known', () => {
    for (const format of [formatPercent, formatRatio, formatLoss]) expect(format(NaN)).toBe('–')
  })
})
