// The lines Caffe and the OLMP authors' scripts print, in their wording and number formats.

/** A scalar output of a net; lossWeight 0 where it is no loss. */
export interface NetOutput {
  name: string
  lossWeight: number
}

/** C's %g with `digits` significant digits: what C++ streams print with 6, Python 2's str of a float with 12. */
export function formatG(value: number, digits: number): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? 'nan' : value < 0 ? '-inf' : 'inf'
  if (value === 0) return '0'
  const [mantissa, exponentText] = value.toExponential(digits - 1).split('e')
  const exponent = Number(exponentText)
  const trim = (text: string): string => (text.includes('.') ? text.replace(/\.?0+$/, '') : text)
  if (exponent >= -4 && exponent < digits) return trim(value.toFixed(digits - 1 - exponent))
  return `${trim(mantissa)}e${exponent < 0 ? '-' : '+'}${String(Math.abs(exponent)).padStart(2, '0')}`
}

/** Python's str of a float: %.12g, with `.0` after a whole number. */
export function formatPython(value: number): string {
  const text = formatG(value, 12)
  return /^-?\d+$/.test(text) ? `${text}.0` : text
}

function outputLines(phase: 'Train' | 'Test', outputs: NetOutput[], values: ArrayLike<number>): string[] {
  return outputs.map(({ name, lossWeight }, i) => {
    const value = formatG(values[i], 6)
    const weighted =
      lossWeight === 0 ? '' : ` (* ${formatG(lossWeight, 6)} = ${formatG(lossWeight * values[i], 6)} loss)`
    return `    ${phase} net output #${i}: ${name} = ${value}${weighted}`
  })
}

/** Caffe's display of a training iteration. */
export function trainLines(
  iteration: number,
  loss: number,
  outputs: NetOutput[],
  values: ArrayLike<number>,
  learningRate: number,
): string[] {
  return [
    `Iteration ${iteration}, loss = ${formatG(loss, 6)}`,
    ...outputLines('Train', outputs, values),
    `Iteration ${iteration}, lr = ${formatG(learningRate, 6)}`,
  ]
}

/** Caffe's display of a test. */
export function testLines(iteration: number, outputs: NetOutput[], values: ArrayLike<number>): string[] {
  return [`Iteration ${iteration}, Testing net (#0)`, ...outputLines('Test', outputs, values)]
}

/** The authors' line; accuracy is that of the current training batch. */
export function compressionLine(compression: number, accuracy: number): string {
  return `Compression:${formatPython(compression)}, Accuracy:${formatPython(accuracy)}`
}
