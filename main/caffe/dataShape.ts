// The shape of a datum where no dataset says it: from the mean image, the deploy net, the crop size, or the weights.

import { AppError } from '../net/errors'
import type { NetGraph, Phase } from '../net/graph'
import { buildGraph } from './build/buildGraph'
import type { BuildOptions } from './build/context'
import { statedDatumShape } from './build/sources'
import type { LayerMessage, NetMessage } from './messages'
import type { WeightFile } from './model'
import { parametersOf, shapesMatch } from './weights'

export type DatumShape = [number, number, number]

export interface ShapeEvidence {
  /** (C, H, W) of the mean image the layer states. */
  mean: DatumShape | null
  /** (C, H, W) of the deploy net's input. */
  deployInput: DatumShape | null
  weights: WeightFile | null
}

export interface InferredShape {
  shape: DatumShape
  reason: string
}

// sides of images met in practice come first
const commonSides = [28, 32, 224, 227, 64, 96, 128, 256, 299]
const maxSide = 320

/** All blobs of the weights that the graph has are of its shapes, and there are some. */
function fits(graph: NetGraph, weights: WeightFile): boolean {
  const blobs = new Map(weights.layers.map(({ name, blobs: own }) => [name, own]))
  const compared = parametersOf([graph]).flatMap(({ layer, slot, shape }) => {
    const blob = blobs.get(layer)?.[slot]
    return blob === undefined ? [] : [shapesMatch(blob, shape)]
  })
  return compared.length > 0 && compared.every((match) => match)
}

function searchByWeights(
  net: NetMessage,
  layer: string,
  weights: WeightFile,
  options: BuildOptions,
  crop: number,
): DatumShape | null {
  const sides = crop > 0 ? [crop] : [...commonSides, ...Array.from({ length: maxSide }, (_, i) => i + 1)]
  // the first convolution's weights are (out, in, k, k); 1 and 3 are grey and colour
  const first = weights.layers.find(({ blobs }) => blobs.length > 0)?.blobs[0]
  const stated = first?.shape.length === 4 && !first.legacy ? [first.shape[1]] : []
  for (const channels of new Set([...stated, 1, 3, 2])) {
    for (const side of sides) {
      const shape: DatumShape = [channels, side, side]
      try {
        const graph = buildGraph(net, {
          ...options,
          note: undefined,
          dataShapes: { ...options.dataShapes, [layer]: shape },
        })
        if (fits(graph, weights)) return shape
      } catch (error) {
        // too small for the net's kernels, for one
        if (!(error instanceof AppError)) throw error
      }
    }
  }
  return null
}

/** The shape of this data layer's datums with the reason, or null where nothing tells it. */
export function inferDatumShape(
  net: NetMessage,
  layer: LayerMessage,
  phase: Phase,
  evidence: ShapeEvidence,
  options: Omit<BuildOptions, 'phase'>,
): InferredShape | null {
  const stated = statedDatumShape(layer)
  if (stated !== undefined) return { shape: stated, reason: 'the layer itself' }
  const { mean, deployInput, weights } = evidence
  if (mean !== null) return { shape: mean, reason: 'the shape of its mean image' }
  const crop = layer.transform_param?.crop_size ?? 0
  if (deployInput !== null) return { shape: deployInput, reason: 'the input of the deploy net' }
  const means = layer.transform_param?.mean_value?.length ?? 0
  if (crop > 0 && means > 1) return { shape: [means, crop, crop], reason: 'its crop size and mean values' }
  if (weights !== null) {
    const shape = searchByWeights(net, layer.name ?? '', weights, { ...options, phase }, crop)
    if (shape !== null) return { shape, reason: 'the weights, which it fits' }
  }
  if (crop > 0) return { shape: [3, crop, crop], reason: 'its crop size, in colour' }
  return null
}
