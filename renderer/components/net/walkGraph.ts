// Where the arrow keys lead in a placed net: down and up along the data, left and right within a rank. A row of a node
// (a layer in place) is a step on the way.

import type { PlacedGraph, PlacedNode } from './layoutGraph'

export type Direction = 'up' | 'down' | 'left' | 'right'

/** The layer reached from `from`, or `from` itself where there is none. */
export function step(graph: PlacedGraph, from: string, direction: Direction): string {
  const node = graph.nodes.find(({ layer, inPlace }) => [layer, ...inPlace].some(({ name }) => name === from))
  if (node === undefined) return graph.nodes[0]?.id ?? from
  const rows = [node.layer, ...node.inPlace].map(({ name }) => name)
  const row = rows.indexOf(from)
  if (direction === 'down') return rows[row + 1] ?? below(graph, node)?.id ?? from
  if (direction === 'up') {
    if (row > 0) return rows[row - 1]
    const above = neighbour(graph, node, 'above')
    return above === undefined ? from : lastRow(above)
  }
  return beside(graph, node, direction)?.id ?? from
}

function below(graph: PlacedGraph, node: PlacedNode): PlacedNode | undefined {
  return neighbour(graph, node, 'below')
}

/** Of those joined to the node, the one that lies straightest. */
function neighbour(graph: PlacedGraph, node: PlacedNode, side: 'above' | 'below'): PlacedNode | undefined {
  const ids = graph.edges.flatMap(({ from, to }) => {
    if (side === 'below') return from === node.id ? [to] : []
    return to === node.id ? [from] : []
  })
  return nearest(
    graph.nodes.filter(({ id }) => ids.includes(id)),
    (candidate) => Math.abs(candidate.x - node.x) + Math.abs(candidate.y - node.y) / 4,
  )
}

function beside(graph: PlacedGraph, node: PlacedNode, direction: 'left' | 'right'): PlacedNode | undefined {
  const middle = node.y + node.height / 2
  return nearest(
    graph.nodes.filter(({ x, y, height }) => {
      const overlaps = y <= middle && y + height >= middle
      return overlaps && (direction === 'left' ? x < node.x : x > node.x)
    }),
    ({ x }) => Math.abs(x - node.x),
  )
}

function nearest(nodes: PlacedNode[], distance: (node: PlacedNode) => number): PlacedNode | undefined {
  return nodes.reduce<PlacedNode | undefined>(
    (best, node) => (best === undefined || distance(node) < distance(best) ? node : best),
    undefined,
  )
}

function lastRow({ layer, inPlace }: PlacedNode): string {
  return (inPlace.at(-1) ?? layer).name
}
