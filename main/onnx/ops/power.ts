// Power, Exp and Log: an affine map inside, one function, and a constant factor outside.

import type { LayerContext } from '../LayerContext'
import type { LayerExporter } from './types'

/** (shift + scale * x)^power */
export const exportPower: LayerExporter<'Power'> = (layer, context) => {
  const { power, scale, shift } = layer.params
  const [{ value }] = context.bottoms
  if (power * scale === 0) {
    // Caffe writes the constant whatever x is, NaN included (power_layer.cpp)
    const zeros = context.node('ConstantOfShape', [context.node('Shape', [value])])
    const constant = power === 0 ? 1 : Math.pow(shift, power)
    return context.top(0, 'Add', [zeros, context.scalar('constant', constant)])
  }
  const steps: Step[] = affine(scale, shift)
  if (power !== 1) steps.push({ opType: 'Pow', role: 'power', operand: power })
  applySteps(context, value, steps)
}

/** base^(shift + scale * x), computed as Caffe does: exp(log(base) * scale * x) * base^shift */
export const exportExp: LayerExporter<'Exp'> = (layer, context) => {
  const { base, scale, shift } = layer.params
  const logBase = base === -1 ? 1 : Math.log(base)
  const steps: Step[] = affine(logBase * scale, 0)
  steps.push({ opType: 'Exp' })
  if (shift !== 0) steps.push({ opType: 'Mul', role: 'factor', operand: Math.exp(logBase * shift) })
  applySteps(context, context.bottoms[0].value, steps)
}

/** log_base(shift + scale * x) */
export const exportLog: LayerExporter<'Log'> = (layer, context) => {
  const { base, scale, shift } = layer.params
  const steps: Step[] = affine(scale, shift)
  steps.push({ opType: 'Log' })
  if (base !== -1) steps.push({ opType: 'Mul', role: 'factor', operand: 1 / Math.log(base) })
  applySteps(context, context.bottoms[0].value, steps)
}

interface Step {
  opType: string
  role?: string
  operand?: number
}

function affine(scale: number, shift: number): Step[] {
  const steps: Step[] = []
  if (scale !== 1) steps.push({ opType: 'Mul', role: 'scale', operand: scale })
  if (shift !== 0) steps.push({ opType: 'Add', role: 'shift', operand: shift })
  return steps
}

function applySteps(context: LayerContext, value: string, steps: Step[]): void {
  if (steps.length === 0) return context.alias(0, value)
  let current = value
  steps.forEach(({ opType, role, operand }, i) => {
    const inputs = operand === undefined ? [current] : [current, context.scalar(role ?? opType, operand)]
    if (i === steps.length - 1) context.top(0, opType, inputs)
    else current = context.node(opType, inputs)
  })
}
