// Nets as the graph draws them: folded, placed, walked by the arrow keys. Graphs come from the importer's own builder.

import { describe, expect, it } from 'vitest'

import type { NetGraph } from '../../../preload/contract'
import { foldGraph, parametersOf } from '../../../renderer/components/net/foldGraph'
import { edgePath, layoutGraph } from '../../../renderer/components/net/layoutGraph'
import { step } from '../../../renderer/components/net/walkGraph'
import { graphOf } from '../caffe/fixtures'

const input = 'name: "net" input: "data" input_shape { dim: 1 dim: 3 dim: 32 dim: 32 }\n'
const convolution = (name: string, bottom: string) =>
  `layer { name: "${name}" type: "Convolution" bottom: "${bottom}" top: "${name}"
    convolution_param { num_output: 8 kernel_size: 3 pad: 1 } }\n`
const inPlace = (name: string, type: string, blob: string) =>
  `layer { name: "${name}" type: "${type}" bottom: "${blob}" top: "${blob}" }\n`
const sum = (name: string, a: string, b: string) =>
  `layer { name: "${name}" type: "Eltwise" bottom: "${a}" bottom: "${b}" top: "${name}" }\n`

const block = graphOf(
  input +
    convolution('a', 'data') +
    inPlace('a_relu', 'ReLU', 'a') +
    convolution('b', 'a') +
    inPlace('b_relu', 'ReLU', 'b') +
    inPlace('b_drop', 'Dropout', 'b') +
    convolution('c', 'a') +
    sum('sum', 'b', 'c'),
)

/** A ResNet's trunk: five layers a block, three of them in place. */
function residualNet(blocks: number): NetGraph {
  let text = input + convolution('conv0', 'data')
  let from = 'conv0'
  for (let i = 1; i <= blocks; i++) {
    text += convolution(`conv${i}a`, from) + inPlace(`scale${i}`, 'Scale', `conv${i}a`)
    text += inPlace(`relu${i}a`, 'ReLU', `conv${i}a`)
    text += convolution(`conv${i}b`, `conv${i}a`) + sum(`sum${i}`, `conv${i}b`, from)
    text += inPlace(`relu${i}`, 'ReLU', `sum${i}`)
    from = `sum${i}`
  }
  return graphOf(text)
}

describe('folding a net', () => {
  it('makes layers in place rows of the layer whose output they work on', () => {
    const { nodes } = foldGraph(block)
    expect(nodes.map(({ id }) => id)).toEqual(['data', 'a', 'b', 'c', 'sum'])
    expect(nodes[2].inPlace.map(({ name }) => name)).toEqual(['b_relu', 'b_drop'])
  })

  it('joins writers and readers by blob, with its shape', () => {
    const { edges } = foldGraph(block)
    expect(edges.map(({ from, to, blob }) => `${from}-${blob}-${to}`)).toEqual([
      'data-data-a',
      'a-a-b',
      'a-a-c',
      'b-b-sum',
      'c-c-sum',
    ])
    expect(edges[0].shape).toEqual([1, 3, 32, 32])
  })

  it('counts the parameters of a layer', () => {
    expect(block.layers.map(parametersOf)).toEqual([0, 224, 0, 584, 0, 0, 584, 0])
  })
})

describe('placing a net', () => {
  it('puts readers below writers, and no node on another', () => {
    const { nodes, edges, width, height } = layoutGraph(foldGraph(block))
    const at = Object.fromEntries(nodes.map((node) => [node.id, node]))
    for (const { from, to } of edges) expect(at[to].y).toBeGreaterThan(at[from].y + at[from].height)
    expect(Math.abs(at.b.x - at.c.x)).toBeGreaterThan(at.b.width)
    for (const node of nodes) {
      expect(node.x).toBeGreaterThanOrEqual(0)
      expect(node.x + node.width).toBeLessThanOrEqual(width)
      expect(node.y + node.height).toBeLessThanOrEqual(height)
    }
  })

  it('writes a shape once for a blob that several read', () => {
    const { edges } = layoutGraph(foldGraph(block))
    const labelled = edges.filter(({ label }) => label !== null).map(({ blob }) => blob)
    expect(labelled).toEqual(['data', 'a', 'b', 'c'])
  })

  it('draws an edge from its first point to its last', () => {
    const path = edgePath([
      { x: 0, y: 0 },
      { x: 5, y: 10 },
      { x: 10, y: 20 },
      { x: 10, y: 40 },
    ])
    expect(path).toBe('M0,0Q5,10 7.5,15Q10,20 10,40')
  })

  it('places a net of more than 300 layers in less than two seconds', () => {
    const graph = residualNet(55)
    expect(graph.layers.length).toBeGreaterThan(300)
    const begun = performance.now()
    const placed = layoutGraph(foldGraph(graph))
    const elapsedMs = performance.now() - begun
    console.info(
      `layout of ${graph.layers.length} layers (${placed.nodes.length} nodes): ${Math.round(elapsedMs)} ms`,
    )
    expect(placed.nodes.length).toBe(2 + 55 * 3)
    expect(elapsedMs).toBeLessThan(2000)
  })
})

describe('walking a net', () => {
  const placed = layoutGraph(foldGraph(block))

  it('goes down and up through the rows of a node', () => {
    expect(step(placed, 'b', 'down')).toBe('b_relu')
    expect(step(placed, 'b_relu', 'down')).toBe('b_drop')
    expect(step(placed, 'b_drop', 'down')).toBe('sum')
    expect(step(placed, 'b_relu', 'up')).toBe('b')
    expect(step(placed, 'b', 'up')).toBe('a_relu')
  })

  it('goes sideways within a rank, and stays at the ends', () => {
    const at = Object.fromEntries(placed.nodes.map((node) => [node.id, node]))
    const [left, right] = at.b.x < at.c.x ? ['b', 'c'] : ['c', 'b']
    expect(step(placed, left, 'right')).toBe(right)
    expect(step(placed, right, 'left')).toBe(left)
    expect(step(placed, left, 'left')).toBe(left)
    expect(step(placed, 'sum', 'down')).toBe('sum')
    expect(step(placed, 'data', 'up')).toBe('data')
  })
})
