import { describe, expect, it } from 'vitest'
import type { SolverStateFile, WeightBlob, WeightFile } from '../../../main/caffe/model'
import { matchHistory, matchWeights, parametersOf, shapesMatch } from '../../../main/caffe/weights'
import { graphOf, refusal } from './fixtures'

let next = 0
function blob(...shape: number[]): WeightBlob {
  const count = shape.reduce((product, dim) => product * dim, 1)
  return { shape, legacy: false, count, file: 'w', offsetBytes: 100 * next++, type: 'float32' }
}

function file(layers: Record<string, WeightBlob[]>): WeightFile {
  return {
    file: '/w.caffemodel',
    format: 'binaryproto',
    name: '',
    layers: Object.entries(layers).map(([name, blobs]) => ({ name, type: '', blobs })),
    temporaryFolder: null,
  }
}

const net = graphOf(`input: "x" input_shape { dim: 1 dim: 2 dim: 6 dim: 6 }
  layer { name: "conv" type: "CConvolution" bottom: "x" top: "c" convolution_param { num_output: 4 kernel_size: 3 } }
  layer { name: "bn" type: "BatchNorm" bottom: "c" top: "c" }
  layer { name: "ip" type: "InnerProduct" bottom: "c" top: "i" inner_product_param { num_output: 5 bias_term: false } }`)
const parameters = parametersOf([net])

describe('shapesMatch (Blob::ShapeEquals)', () => {
  it.each([
    [[500, 800], false, [500, 800], true],
    [[1, 1, 500, 800], false, [500, 800], false],
    [[1, 1, 500, 800], true, [500, 800], true],
    [[1, 1, 1, 20], true, [20], true],
    [[20, 1, 5, 5], true, [20, 1, 5, 5], true],
    [[800, 500, 1, 1], true, [800, 500], false],
    [[1, 1, 1, 1], true, [], true],
  ])('%j, legacy %s, for %j: %s', (shape, legacy, wanted, match) => {
    expect(shapesMatch({ shape, legacy }, wanted)).toBe(match)
  })
})

describe('matchWeights', () => {
  it('matches by layer name, and says what is missing and unused', () => {
    const weights = file({ other: [blob(3)], ip: [blob(5, 64)], none: [] })
    const match = matchWeights(weights, parameters)
    expect(match.placements).toEqual([
      {
        parameter: 5,
        part: 'value',
        file: 'w',
        offsetBytes: weights.layers[1].blobs[0].offsetBytes,
        count: 320,
        type: 'float32',
      },
    ])
    expect(match.missing).toEqual(['conv', 'bn'])
    expect(match.unused).toEqual(['other'])
    expect(match.notes.map(({ level }) => level)).toEqual(['warning', 'info'])
  })

  it('takes blobs 2 and 3 as masks of weights and bias, and blob 1 where there is no bias', () => {
    const match = matchWeights(
      file({ conv: [blob(4, 2, 3, 3), blob(4), blob(4, 2, 3, 3), blob(4)], ip: [blob(5, 64), blob(5, 64)] }),
      parameters,
    )
    expect(match.placements.map(({ parameter, part }) => [parameter, part])).toEqual([
      [0, 'value'],
      [1, 'value'],
      [0, 'mask'],
      [1, 'mask'],
      [5, 'value'],
      [5, 'mask'],
    ])
  })

  it.each([
    [
      'another shape',
      { ip: [blob(5, 65)] },
      "/w.caffemodel: blob 0 of layer 'ip' is (5, 65) in the weights, but the net needs (5, 64)",
    ],
    ['a mask of another shape', { ip: [blob(5, 64), blob(64, 5)] }, "blob 1 of layer 'ip' is (64, 5)"],
    [
      'a bias the net does not have',
      { bn: [blob(4), blob(4)] },
      "layer 'bn' has 2 blobs in the weights and 3 in the net",
    ],
    [
      'masks of a layer that has none',
      { bn: [blob(4), blob(4), blob(1), blob(4), blob(4), blob(1)] },
      "layer 'bn' has 6 blobs",
    ],
  ])('refuses %s', (_what, layers, message) => {
    const { code, text } = refusal(() => matchWeights(file(layers), parameters))
    expect(code).toBe('shape-mismatch')
    expect(text).toContain(message)
  })

  it('gives shared parameters once', () => {
    const shared = graphOf(`input: "x" input_shape { dim: 1 dim: 4 }
      layer { name: "a" type: "InnerProduct" bottom: "x" top: "a" param { name: "w" } param { name: "b" } inner_product_param { num_output: 4 } }
      layer { name: "b" type: "InnerProduct" bottom: "a" top: "b" param { name: "w" } param { name: "b" } inner_product_param { num_output: 4 } }`)
    const infos = parametersOf([shared])
    expect(infos.map(({ layer, slot }) => [layer, slot])).toEqual([
      ['a', 0],
      ['a', 1],
    ])
    const match = matchWeights(file({ a: [blob(4, 4), blob(4)], b: [blob(4, 4), blob(4)] }), infos, [shared])
    expect(match.placements.map(({ parameter }) => parameter)).toEqual([0, 1])
    expect(match.unused).toEqual([])
  })
})

describe('parametersOf', () => {
  it('counts parameters of both phases once, and numbers the prunable layers', () => {
    expect(parametersOf([net, net]).map(({ layer, slot, prunable }) => [layer, slot, prunable])).toEqual([
      ['conv', 0, 0],
      ['conv', 1, 0],
      ['bn', 0, -1],
      ['bn', 1, -1],
      ['bn', 2, -1],
      ['ip', 0, 1],
    ])
  })
})

describe('matchHistory', () => {
  const state = (history: WeightBlob[]): SolverStateFile => ({
    file: '/s',
    iter: 1,
    learnedNet: '',
    currentStep: 0,
    history,
    temporaryFolder: null,
  })
  const own = () => [blob(4, 2, 3, 3), blob(4), blob(4), blob(4), blob(1), blob(5, 64)]

  it('places one round, or two for Adam', () => {
    const places = (history: WeightBlob[]) =>
      matchHistory(state(history), parameters).map(({ parameter, part }) => [parameter, part])
    const first = [0, 1, 2, 3, 4, 5].map((i) => [i, 'history'])
    expect(places(own())).toEqual(first)
    expect(places([...own(), ...own()])).toEqual([
      ...first,
      ...[0, 1, 2, 3, 4, 5].map((i) => [i, 'history2']),
    ])
  })

  it('leaves out the history of masks, which the forks keep', () => {
    const [w, b, ...rest] = own()
    const history = [w, b, blob(4, 2, 3, 3), blob(4), ...rest, blob(5, 64)]
    expect(matchHistory(state(history), parameters).map(({ parameter }) => parameter)).toEqual([
      0, 1, 2, 3, 4, 5,
    ])
  })

  it('refuses the state of another net', () => {
    expect(refusal(() => matchHistory(state([blob(3)]), parameters)).code).toBe('shape-mismatch')
    expect(refusal(() => matchHistory(state(own().reverse()), parameters)).code).toBe('shape-mismatch')
  })
})
