import { DATA_TYPE } from '../schema'
import type { LayerExporter } from './types'

/** Caffe's indices are floats; weights are (input_dim, num_output). */
export const exportEmbed: LayerExporter<'Embed'> = (layer, context) => {
  const indices = context.node('Cast', [context.bottoms[0].value], { to: DATA_TYPE.INT64 })
  const gather = [context.parameter(0, 'weight'), indices]
  if (!layer.params.bias_term) return context.top(0, 'Gather', gather, { axis: 0 })
  const rows = context.node('Gather', gather, { axis: 0 })
  context.top(0, 'Add', [rows, context.parameter(1, 'bias')])
}
