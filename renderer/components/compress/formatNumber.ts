// A setting's value as it reads: thousands separated, small ones in full or as 1e-7.

const plain = new Intl.NumberFormat('en-US', { maximumSignificantDigits: 15 })

export function formatNumber(value: number): string {
  const size = Math.abs(value)
  return size > 0 && size < 1e-3 ? String(value) : plain.format(value)
}
