import type { LayerExporter } from './types'

export const exportEltwise: LayerExporter<'Eltwise'> = (layer, context) => {
  const { operation, coeff } = layer.params
  const values = context.bottoms.map((bottom) => bottom.value)
  if (operation === 'MAX') return context.top(0, 'Max', values)
  if (operation === 'PROD') return fold(values, 'Mul')
  const weighted = values.map((value, i) => {
    const factor = coeff[i] ?? 1
    return factor === 1 ? value : context.node('Mul', [value, context.scalar(`coeff${i}`, factor)])
  })
  fold(weighted, 'Add')

  /** Pairwise from the left, in the order Caffe adds. */
  function fold(operands: string[], opType: string): void {
    let result = operands[0]
    operands.slice(1).forEach((operand, i) => {
      if (i === operands.length - 2) context.top(0, opType, [result, operand])
      else result = context.node(opType, [result, operand])
    })
  }
}
