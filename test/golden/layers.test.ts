// The graph builder against real Caffe: the shapes of tops and parameters of every golden case, and the descriptions
// that the C++ tests read.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { describeAll, describeCase, goldenCases, goldenFolder } from './describe'

describe('golden layer cases', () => {
  const cases = goldenCases()

  it('are all there', () => {
    expect(cases.length).toBeGreaterThanOrEqual(133)
  })

  it.each(cases.map((golden) => [golden.case, golden] as const))(
    '%s has the shapes Caffe computed',
    (_name, golden) => {
      const graph = describeCase(golden)
      const layer = graph.layers.find(({ name }) => name === 'l')
      const shapes = (role: string) =>
        golden.arrays.filter((array) => array.role === role).map(({ shape }) => shape)
      expect(
        graph.layers.filter(({ type }) => type === 'Input').map(({ top_shapes }) => top_shapes[0]),
      ).toEqual(shapes('input'))
      expect(layer?.top_shapes).toEqual(shapes('output'))
      expect(layer?.loss_weights).toEqual(golden.loss_weights.map((weight) => expect.closeTo(weight, 6)))
      const parameters = shapes('param')
      const own = layer?.parameters.map(({ shape }) => shape) ?? []
      // CConvolution and CInnerProduct keep their masks as blobs 2 and 3
      expect(layer?.declared_masked ? [...own, ...own] : own).toEqual(parameters)
    },
  )

  it('are described by a fresh descriptions.json (node scripts/describe-golden.mjs)', () => {
    expect(readFileSync(join(goldenFolder, 'descriptions.json'), 'utf8')).toBe(describeAll())
  })
})
