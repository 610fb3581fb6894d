import type { LayerOf, LayerType } from '../../net/graph'
import type { LayerContext } from '../LayerContext'

/** Adds the ONNX nodes that compute a layer's tops at test time. Every top is written or aliased. */
export type LayerExporter<T extends LayerType> = (layer: LayerOf<T>, context: LayerContext) => void
