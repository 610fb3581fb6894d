// Natural logarithm rounded to the nearest double. V8's Math.log is off in the last bit for about 7 of 100 arguments,
// which would make the normal deviates of NumPy's RandomState (drawn with the C library's logarithm) differ.
// Computed as 2 atanh((m - 1) / (m + 1)) in double-double arithmetic (Dekker 1971), so that no fused multiply-add is
// needed. The C library itself misrounds about 1 of 1,000 arguments; those remain one unit in the last place apart.

/** An unevaluated sum of two doubles, |low| <= ulp(high) / 2. */
type DoubleDouble = readonly [high: number, low: number]

const LN2: DoubleDouble = [0.6931471805599453, 2.3190468138462996e-17]
/** atanh(s) / s up to s^2 = 0.0295: the term after the last is below 2^-85. */
const TERMS = 17
const SPLITTER = 134217729 // 2^27 + 1

function twoSum(a: number, b: number): DoubleDouble {
  const sum = a + b
  const part = sum - a
  return [sum, a - (sum - part) + (b - part)]
}

function fastTwoSum(a: number, b: number): DoubleDouble {
  const sum = a + b
  return [sum, b - (sum - a)]
}

function twoProduct(a: number, b: number): DoubleDouble {
  const product = a * b
  const aSplit = SPLITTER * a
  const aHigh = aSplit - (aSplit - a)
  const aLow = a - aHigh
  const bSplit = SPLITTER * b
  const bHigh = bSplit - (bSplit - b)
  const bLow = b - bHigh
  return [product, aLow * bLow - (product - aHigh * bHigh - aLow * bHigh - aHigh * bLow)]
}

function add(a: DoubleDouble, b: DoubleDouble): DoubleDouble {
  const [sum, error] = twoSum(a[0], b[0])
  return fastTwoSum(sum, error + a[1] + b[1])
}

function multiply(a: DoubleDouble, b: DoubleDouble): DoubleDouble {
  const [product, error] = twoProduct(a[0], b[0])
  return fastTwoSum(product, error + a[0] * b[1] + a[1] * b[0])
}

function divide(a: DoubleDouble, b: DoubleDouble): DoubleDouble {
  const first = a[0] / b[0]
  const rest = add(a, multiply([-first, 0], b))
  return fastTwoSum(first, rest[0] / b[0])
}

/** x must be a positive normal double. */
export function preciseLog(x: number): number {
  let exponent = 0
  let mantissa = x
  while (mantissa < Math.SQRT1_2) {
    mantissa *= 2
    exponent -= 1
  }
  while (mantissa > Math.SQRT2) {
    mantissa /= 2
    exponent += 1
  }
  const s = divide(twoSum(mantissa, -1), twoSum(mantissa, 1))
  const square = multiply(s, s)
  let series: DoubleDouble = [0, 0]
  for (let k = TERMS; k >= 0; k--) {
    series = add(multiply(series, square), divide([1, 0], [2 * k + 1, 0]))
  }
  const logMantissa = multiply([2 * s[0], 2 * s[1]], series)
  const logPower = multiply([exponent, 0], LN2)
  const [high, low] = add(logPower, logMantissa)
  return high + low
}
