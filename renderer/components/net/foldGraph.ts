// The net as nodes and edges: a layer is a node, and the layers that work in place on its output are rows of that node.

import type { NetGraph, NetLayer } from '../../../preload/contract'

export interface GraphNode {
  /** Name of its first layer. */
  id: string
  layer: NetLayer
  inPlace: NetLayer[]
}

export interface GraphEdge {
  from: string
  to: string
  blob: string
  shape: number[]
}

export interface FoldedGraph {
  nodes: GraphNode[]
  edges: GraphEdge[]
}

export function foldGraph({ layers }: NetGraph): FoldedGraph {
  const nodes: GraphNode[] = []
  const edges: GraphEdge[] = []
  const writers = new Map<string, { node: GraphNode; shape: number[] }>()
  for (const layer of layers) {
    const [bottom] = layer.bottoms
    const owner = bottom === undefined ? undefined : writers.get(bottom)
    if (owner !== undefined && worksInPlace(layer)) {
      owner.node.inPlace.push(layer)
      continue
    }
    const node: GraphNode = { id: layer.name, layer, inPlace: [] }
    nodes.push(node)
    for (const blob of new Set(layer.bottoms)) {
      const writer = writers.get(blob)
      if (writer !== undefined) {
        edges.push({ from: writer.node.id, to: node.id, blob, shape: writer.shape })
      }
    }
    layer.tops.forEach((blob, index) => writers.set(blob, { node, shape: layer.top_shapes[index] ?? [] }))
  }
  return { nodes, edges }
}

function worksInPlace({ bottoms, tops }: NetLayer): boolean {
  return bottoms.length === 1 && tops.length === 1 && bottoms[0] === tops[0]
}

/** Learnable parameters and statistics of a layer. */
export function parametersOf(layer: NetLayer): number {
  return layer.parameters.reduce(
    (sum, { shape }) => sum + shape.reduce((product, dim) => product * dim, 1),
    0,
  )
}
