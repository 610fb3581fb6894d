// Where the nodes of a net stand, from top to bottom in the direction of the data.

import { Graph, layout } from '@dagrejs/dagre'

import type { FoldedGraph, GraphEdge, GraphNode } from './foldGraph'

export interface Point {
  x: number
  y: number
}

/** x and y are of its upper left corner. */
export interface PlacedNode extends GraphNode, Point {
  width: number
  height: number
}

export interface PlacedEdge extends GraphEdge {
  key: string
  points: Point[]
  /** Where its blob's shape is written; null where another edge of the blob says it. */
  label: Point | null
}

export interface PlacedGraph {
  nodes: PlacedNode[]
  edges: PlacedEdge[]
  width: number
  height: number
}

export const nodeWidth = 196
export const headHeight = 46
export const rowHeight = 20
const margin = 24
/** Of the text of a shape beside its edge, about. */
const labelWidth = 130

export function layoutGraph({ nodes, edges }: FoldedGraph): PlacedGraph {
  const graph = new Graph<object, { width: number; height: number }, object>({ multigraph: true })
  // Network simplex takes seconds for nets of hundreds of layers, and long chains look the same.
  graph.setGraph({
    ranker: nodes.length > 150 ? 'longest-path' : 'network-simplex',
    nodesep: 28,
    ranksep: 46,
    edgesep: 12,
    marginx: margin,
    marginy: margin,
  })
  graph.setDefaultEdgeLabel(() => ({}))
  for (const node of nodes) {
    graph.setNode(node.id, { width: nodeWidth, height: headHeight + rowHeight * node.inPlace.length })
  }
  edges.forEach(({ from, to, blob }) => graph.setEdge(from, to, {}, blob))
  layout(graph)

  const placed = nodes.map((node) => {
    const { x, y, width, height } = graph.node(node.id) as Point & { width: number; height: number }
    return { ...node, x: x - width / 2, y: y - height / 2, width, height }
  })
  const labelled = new Set<string>()
  const drawn = edges.map((edge) => {
    const { points } = graph.edge(edge.from, edge.to, edge.blob) as { points: Point[] }
    const once = `${edge.from}\n${edge.blob}`
    const label = labelled.has(once) ? null : labelPoint(points)
    labelled.add(once)
    return { ...edge, key: `${once}\n${edge.to}`, points, label }
  })
  return { nodes: placed, edges: drawn, ...sizeOf(placed, drawn) }
}

/** In the gap below the node that writes the blob. */
function labelPoint(points: Point[]): Point {
  const [first, second] = points
  if (points.length <= 3) return second
  return { x: (first.x + second.x) / 2, y: (first.y + second.y) / 2 }
}

function sizeOf(nodes: PlacedNode[], edges: PlacedEdge[]): { width: number; height: number } {
  let [width, height] = [0, 0]
  for (const node of nodes) {
    width = Math.max(width, node.x + node.width)
    height = Math.max(height, node.y + node.height)
  }
  for (const { points, label } of edges) {
    for (const { x } of points) width = Math.max(width, x)
    if (label !== null) width = Math.max(width, label.x + labelWidth)
  }
  return { width: width + margin, height: height + margin }
}

/** Rounded at its bends. */
export function edgePath(points: Point[]): string {
  const [start, ...rest] = points
  const last = rest[rest.length - 1]
  let path = `M${start.x},${start.y}`
  for (let i = 0; i < rest.length - 1; i++) {
    const [bend, next] = [rest[i], rest[i + 1]]
    const end = i === rest.length - 2 ? last : { x: (bend.x + next.x) / 2, y: (bend.y + next.y) / 2 }
    path += `Q${bend.x},${bend.y} ${end.x},${end.y}`
  }
  return rest.length === 1 ? `${path}L${last.x},${last.y}` : path
}
