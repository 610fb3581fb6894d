// Which channels a compact net has: those that are read, and those that layers between tie to them. A channel goes only with
// all it is tied to: what an element-wise layer makes of it, what it is added to, its place in a group of equal size.

import type { ChannelGraph, Mapped, Step, Value, Weighted } from '../clean/channelGraph'

/** By channel of the graph: 1 where it stays. A value may be left without channels: then the layers that make it go, and a
 *  Concat leaves it out. */
export function keptChannels(graph: ChannelGraph, isRead: (channel: number) => boolean): Uint8Array {
  const kept = Uint8Array.from({ length: graph.channels }, (_, channel) => (isRead(channel) ? 1 : 0))
  const { steps } = graph
  let before: number
  let now = total(kept)
  do {
    before = now
    for (const step of steps) tie(step, kept)
    for (const step of steps.toReversed()) tie(step, kept)
    now = total(kept)
  } while (now > before)
  return kept
}

/** Positions, within the value, of the channels that stay. */
export function keptPositions({ first, channels }: Value, kept: Uint8Array): number[] {
  const positions: number[] = []
  for (let c = 0; c < channels; c++) if (kept[first + c] !== 0) positions.push(c)
  return positions
}

function total(kept: Uint8Array): number {
  return kept.reduce((sum, one) => sum + one, 0)
}

function tie(step: Step, kept: Uint8Array): void {
  if (step.kind === 'opaque') keepAll([...step.inputs, ...step.outputs], kept)
  else if (step.kind === 'weighted') tieGroups(step, kept)
  else if (step.fixed) tieWhole(step, kept)
  else tieMapped(step, kept)
  if (step.outputs.some((value) => isAlive(value, kept))) keepOperands(step, kept)
}

/** No operand may be empty, but those that a Concat can leave out. */
function keepOperands({ layer, inputs, outputs }: Step, kept: Uint8Array): void {
  const operands = layer.type === 'Concat' && inputs.some((value) => isAlive(value, kept)) ? [] : inputs
  for (const value of [...operands, ...outputs]) {
    if (!isAlive(value, kept) && value.channels > 0) kept[value.first] = 1
  }
}

function isAlive({ first, channels }: Value, kept: Uint8Array): boolean {
  return kept.subarray(first, first + channels).some((one) => one !== 0)
}

function keepAll(values: Value[], kept: Uint8Array): void {
  values.forEach(({ first, channels }) => kept.fill(1, first, first + channels))
}

function tieWhole({ inputs, outputs }: Mapped, kept: Uint8Array): void {
  const values = [...inputs, ...outputs]
  if (values.some((value) => isAlive(value, kept))) keepAll(values, kept)
}

function tieMapped({ outputs, sources, arity }: Mapped, kept: Uint8Array): void {
  outputs.forEach(({ first, channels }, t) => {
    for (let c = 0; c < channels; c++) {
      const own = sources[t].subarray(c * arity, (c + 1) * arity)
      if (kept[first + c] === 0 && own.every((source) => kept[source] === 0)) continue
      kept[first + c] = 1
      own.forEach((source) => (kept[source] = 1))
    }
  })
}

/** Groups stay equal in size; one of which nothing is kept goes whole. */
function tieGroups({ block, inputs: [input], outputs: [output] }: Weighted, kept: Uint8Array): void {
  const { groups } = block
  if (groups === 1) return
  const ends = [input, output].map(({ first, channels }) => {
    const size = channels / groups
    return Array.from({ length: groups }, (_, g) => kept.subarray(first + g * size, first + (g + 1) * size))
  })
  const used = Array.from({ length: groups }, (_, g) => ends.some((parts) => total(parts[g]) > 0))
  for (const parts of ends) {
    const size = Math.max(1, ...parts.map(total))
    parts.filter((_, g) => used[g]).forEach((part) => fillUp(part, size))
  }
}

function fillUp(part: Uint8Array, size: number): void {
  let missing = size - total(part)
  for (let i = 0; missing > 0; i++) {
    if (part[i] !== 0) continue
    part[i] = 1
    missing--
  }
}
