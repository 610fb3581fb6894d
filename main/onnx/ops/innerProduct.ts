import type { LayerExporter } from './types'

/** Axes from `axis` on are flattened into K; weights are (num_output, K), or (K, num_output) where transpose is set. */
export const exportInnerProduct: LayerExporter<'InnerProduct'> = (layer, context) => {
  const { axis, bias_term, transpose } = layer.params
  const [{ value, shape }] = context.bottoms
  if (axis === 0) context.refuse('mixes the items of a batch')
  const flat = shape.length === 2 && axis === 1 ? value : context.node('Flatten', [value], { axis })
  const operands = [flat, context.parameter(0, 'weight')]
  // the bias of a layer of Caffe is (num_output), which Gemm broadcasts
  if (bias_term) operands.push(context.parameter(1, 'bias'))
  const attributes = { transB: transpose ? 0 : 1 }
  if (axis === 1) return context.top(0, 'Gemm', operands, attributes)

  const [top] = layer.top_shapes
  const product = context.node('Gemm', operands, attributes)
  context.top(0, 'Reshape', [product, context.batchShape(top)])
}
