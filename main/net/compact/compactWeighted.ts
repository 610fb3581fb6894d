// A convolution or an inner product, cut down to the channels that stay.

import type { Value, Weighted } from '../clean/channelGraph'
import { firstInput } from '../clean/weightBlock'
import type { Layer, Shape } from '../graph'
import { keptPositions } from './keptChannels'

/** `top_shapes`: of the compact layer. */
export function compactWeighted(step: Weighted, kept: Uint8Array, top_shapes: Shape[]): Layer {
  const { layer, block } = step
  const inputs = keptPositions(step.inputs[0], kept).length
  const num_output = top_shapes[0][1]
  const [weights, ...bias] = layer.parameters
  const biases = bias.map((parameter) => ({ ...parameter, shape: [num_output] }))
  if (layer.type === 'Convolution') {
    const group = keptGroups(step, kept)
    const shape = [num_output, inputs / group, ...weights.shape.slice(2)]
    const params = { ...layer.params, num_output, group }
    return { ...layer, params, top_shapes, parameters: [{ ...weights, shape }, ...biases] }
  }
  const shape = [num_output, inputs * block.inner]
  if (layer.params.transpose) shape.reverse()
  const params = { ...layer.params, num_output }
  return { ...layer, params, top_shapes, parameters: [{ ...weights, shape }, ...biases] }
}

/** The weights that stay, in Caffe's layout. */
export function compactWeights(step: Weighted, values: Float32Array, kept: Uint8Array): Float32Array {
  const { layer, block } = step
  const { inner, outputStride, inputStride, innerStride } = block
  const outputs = keptPositions(step.outputs[0], kept)
  const group = groupsOf(step.inputs[0], block.groups, kept)
  const transposed = layer.type === 'InnerProduct' && layer.params.transpose
  const columns = (group.find((inputs) => inputs.length > 0)?.length ?? 0) * inner
  const result = new Float32Array(outputs.length * columns)
  outputs.forEach((output, row) => {
    const first = firstInput(block, output)
    const own = output * outputStride
    group[first / block.inputs].forEach((input, i) => {
      const from = own + (input - first) * inputStride
      for (let s = 0; s < inner; s++) {
        const column = i * inner + s
        const at = transposed ? column * outputs.length + row : row * columns + column
        result[at] = values[from + s * innerStride]
      }
    })
  })
  return result
}

function keptGroups({ outputs, block }: Weighted, kept: Uint8Array): number {
  return groupsOf(outputs[0], block.groups, kept).filter(({ length }) => length > 0).length
}

/** Positions that stay, group by group. */
function groupsOf(value: Value, groups: number, kept: Uint8Array): number[][] {
  const size = value.channels / groups
  const positions: number[][] = Array.from({ length: groups }, () => [])
  for (const position of keptPositions(value, kept)) positions[Math.floor(position / size)].push(position)
  return positions
}
