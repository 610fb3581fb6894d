// A pruned tensor as ONNX's SparseTensorProto: values that are not zero, and their places in the flattened tensor. The file
// is then about as small as the net; onnxruntime makes the tensor dense when it loads the model.

import { littleEndianBytes } from '../caffe/protobufSegments'
import { count } from '../net/graph'
import type { Initializer } from './GraphBuilder'
import { DATA_TYPE, SparseTensorProto } from './schema'

/** float32 value and int64 index */
const BYTES_PER_NONZERO = 12

/** Undefined where the dense form is not larger, and for a tensor of zeros only. */
export async function sparseInitializer({
  name,
  shape,
  dataType,
  load,
}: Initializer): Promise<Uint8Array | undefined> {
  if (dataType !== DATA_TYPE.FLOAT) return undefined
  const dense = await load()
  if (!(dense instanceof Float32Array)) return undefined
  const nonzero = dense.reduce((sum, value) => (value === 0 ? sum : sum + 1), 0)
  if (nonzero === 0 || nonzero * BYTES_PER_NONZERO >= count(shape) * 4) return undefined

  const values = new Float32Array(nonzero)
  const indices = new BigInt64Array(nonzero)
  let next = 0
  dense.forEach((value, index) => {
    if (value === 0) return
    values[next] = value
    indices[next] = BigInt(index)
    next += 1
  })
  return SparseTensorProto.encode({
    values: { dims: [nonzero], data_type: DATA_TYPE.FLOAT, name, raw_data: littleEndianBytes(values) },
    indices: { dims: [nonzero], data_type: DATA_TYPE.INT64, raw_data: littleEndianBytes(indices) },
    dims: shape,
  }).finish()
}
