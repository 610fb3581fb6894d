import { describe, expect, it } from 'vitest'
import { compressionLine, formatG, formatPython, trainLines } from '../../../main/olmp/logLines'
import { accuracyOf } from '../../../main/olmp/records'

describe('log lines', () => {
  // C's printf("%.6g")
  it.each([
    [0.0123456789, '0.0123457'],
    [1, '1'],
    [0, '0'],
    [87.3365, '87.3365'],
    [1234567, '1.23457e+06'],
    [0.00001234, '1.234e-05'],
    [0.0001, '0.0001'],
    [999999.6, '1e+06'],
    [-2.5, '-2.5'],
    [100000, '100000'],
    [Number.NaN, 'nan'],
    [-Infinity, '-inf'],
  ])('%d as C++ prints it: %s', (value, text) => {
    expect(formatG(value, 6)).toBe(text)
  })

  it('prints compression as Python 2 does', () => {
    expect(compressionLine(431080 / 1448, 1)).toBe('Compression:297.70718232, Accuracy:1.0')
    expect(formatPython(0.984375)).toBe('0.984375')
    expect(formatPython(1 / 3)).toBe('0.333333333333')
    expect(formatPython(20)).toBe('20.0')
  })

  it("prints an iteration as Caffe's solver does", () => {
    const outputs = [
      { name: 'accuracy', lossWeight: 0 },
      { name: 'loss1/loss', lossWeight: 0.3 },
    ]
    expect(trainLines(29600, 0.3, outputs, [0.96875, 1], 0.0036)).toEqual([
      'Iteration 29600, loss = 0.3',
      '    Train net output #0: accuracy = 0.96875',
      '    Train net output #1: loss1/loss = 1 (* 0.3 = 0.3 loss)',
      'Iteration 29600, lr = 0.0036',
    ])
  })
})

describe('accuracyOf', () => {
  it('gives the whole number of images a mean stands for', () => {
    expect(accuracyOf(0.97729999, 10000)).toBe(0.9773)
    expect(accuracyOf(0.97734, 10000)).toBe(0.97734)
  })
})
