// What the golden layer cases do not cover: connections, refusals, defaults, sharing. Numbers are Caffe's.

import { describe, expect, it } from 'vitest'
import { layerRules } from '../../../main/caffe/build/rules'
import type { Note } from '../../../main/caffe/build/context'
import { graphOf, layerOf, refusal } from './fixtures'

const input = 'input: "x" input_shape { dim: 2 dim: 3 dim: 8 dim: 8 }\n'

describe('connections', () => {
  it.each([
    [
      'an unknown layer type',
      `${input}layer { name: "a" type: "Convolutoin" bottom: "x" top: "y" }`,
      'unknown-layer',
      /net.prototxt:2:25: layer 'a' has the unknown type 'Convolutoin'; supported are Data, .*\(did you mean 'Convolution'\?\)/,
    ],
    [
      'a bottom that nothing makes',
      `${input}layer { name: "a" type: "ReLU" bottom: "xx" top: "y" }`,
      'dangling-bottom',
      /net.prototxt:2:32: layer 'a' reads the blob 'xx', which no layer before it makes \(did you mean 'x'\?\)/,
    ],
    [
      'layers out of order',
      `${input}layer { name: "a" type: "ReLU" bottom: "b" top: "a" }\nlayer { name: "b" type: "ReLU" bottom: "x" top: "b" }`,
      'unordered-net',
      /net.prototxt:2:32: layer 'a' reads the blob 'b', which layer 'b' makes later, in line 3/,
    ],
    [
      'a circle',
      `layer { name: "a" type: "ReLU" bottom: "b" top: "a" }\nlayer { name: "b" type: "ReLU" bottom: "a" top: "b" }`,
      'cyclic-net',
      /net.prototxt:1:32: layer 'a' reads the blob 'b', which is made by layer 'b', which in turn reads what 'a' makes/,
    ],
    [
      'a layer that reads its own top',
      `layer { name: "a" type: "ReLU" bottom: "a" top: "a" }`,
      'cyclic-net',
      /layer 'a' reads the blob 'a', which is made by itself/,
    ],
    [
      'a top made twice',
      `${input}layer { name: "a" type: "ReLU" bottom: "x" top: "y" }\nlayer { name: "b" type: "ReLU" bottom: "x" top: "y" }`,
      'duplicate-top',
      /net.prototxt:3:44: the blob 'y' is made by layer 'a' and again by 'b'/,
    ],
    [
      'a convolution in place',
      `${input}layer { name: "a" type: "Convolution" bottom: "x" top: "x" convolution_param { num_output: 3 kernel_size: 1 } }`,
      'in-place',
      /net.prototxt:2:51: layer 'a' \(Convolution\) cannot work in place/,
    ],
    [
      'two learned layers of one name',
      `${input}layer { name: "a" type: "PReLU" bottom: "x" top: "y" }\nlayer { name: "a" type: "PReLU" bottom: "y" top: "z" }`,
      'duplicate-layer',
      /net.prototxt:3:15: layer 'a' \(PReLU\): the layer of line 2 has the same name/,
    ],
    [
      'too many bottoms',
      `${input}layer { name: "a" type: "ReLU" bottom: "x" bottom: "x" top: "y" }`,
      'bad-layer',
      /takes 1 bottoms, found 2/,
    ],
    ['a net without layers', 'name: "n"', 'empty-net', /no layers in phase TEST/],
    [
      'a blob of more than INT_MAX elements',
      'input: "x" input_shape { dim: 65536 dim: 65536 }',
      'bad-shape',
      /more than 2147483647 elements/,
    ],
    [
      'a dimension of 0',
      'input: "x" input_shape { dim: 0 dim: 3 }',
      'bad-shape',
      /top 'x' would have the shape \(0, 3\)/,
    ],
  ])('refuses %s', (_what, text, code, message) => {
    const refused = refusal(() => graphOf(text))
    expect(refused.code).toBe(code)
    expect(refused.text).toMatch(message)
  })

  it('lets layers work in place and keeps their order', () => {
    const { layers } = graphOf(`${input}layer { name: "r" type: "ReLU" bottom: "x" top: "x" }
      layer { name: "d" type: "Dropout" bottom: "x" top: "x" }`)
    expect(layers.map(({ name, bottoms, tops }) => [name, bottoms, tops])).toEqual([
      ['x', [], ['x']],
      ['r', ['x'], ['x']],
      ['d', ['x'], ['x']],
    ])
  })

  it('adds in place, onto the first bottom only', () => {
    const sum = (first: string, second: string) => () =>
      graphOf(`${input}layer { name: "r" type: "Power" bottom: "x" top: "y" }
        layer { name: "s" type: "Eltwise" bottom: "${first}" bottom: "${second}" top: "x" }`)
    expect(sum('x', 'y')().layers).toHaveLength(3)
    expect(refusal(sum('y', 'x')).code).toBe('duplicate-top')
  })

  it('takes the layers of the phase, and of the stage', () => {
    const text = `${input}
      layer { name: "a" type: "ReLU" bottom: "x" top: "a" include { phase: TRAIN } }
      layer { name: "b" type: "ReLU" bottom: "x" top: "b" exclude { phase: TRAIN } }
      layer { name: "c" type: "ReLU" bottom: "x" top: "c" include { stage: "s" } }`
    const names = (options: object) => graphOf(text, options).layers.map(({ name }) => name)
    expect(names({ phase: 'TRAIN' })).toEqual(['x', 'a'])
    expect(names({ phase: 'TEST', stages: ['s'] })).toEqual(['x', 'b', 'c'])
  })

  it('gives a loss without a top one of its own', () => {
    const { layers } = graphOf(`input: "x" input_shape { dim: 2 dim: 3 } input: "y" input_shape { dim: 2 }
      layer { name: "loss" type: "SoftmaxWithLoss" bottom: "x" bottom: "y" }`)
    expect(layers.at(-1)).toMatchObject({ tops: ['loss'], top_shapes: [[]], loss_weights: [1] })
  })
})

describe('every layer type', () => {
  it('is one that the graph knows', () => {
    expect([...layerRules.keys()].length).toBeGreaterThanOrEqual(55)
  })
})

describe('learned layers', () => {
  it('convolves as base_conv_layer.cpp says', () => {
    const layer = layerOf(
      'Convolution',
      'top: "t" convolution_param { num_output: 6 kernel_h: 3 kernel_w: 5 pad_h: 1 stride: 2 group: 3 weight_filler { type: "xavier" variance_norm: AVERAGE } }',
      [[2, 3, 9, 11]],
    )
    expect(layer.params).toEqual({
      num_output: 6,
      bias_term: true,
      kernel_size: [3, 5],
      stride: [2, 2],
      pad: [1, 0],
      dilation: [1, 1],
      group: 3,
      axis: 1,
    })
    // floor((9 + 2 - 3) / 2) + 1, floor((11 - 5) / 2) + 1
    expect(layer.top_shapes).toEqual([[2, 6, 5, 4]])
    expect(layer.parameters.map(({ shape }) => shape)).toEqual([[6, 1, 3, 5], [6]])
    expect(layer.parameters[0].filler).toEqual({
      type: 'xavier',
      value: 0,
      min: 0,
      max: 1,
      mean: 0,
      std: 1,
      sparse: -1,
      variance_norm: 'AVERAGE',
    })
  })

  it('marks the layers of the pruning forks', () => {
    const graph = graphOf(`${input}layer { name: "c" type: "CConvolution" bottom: "x" top: "c"
      convolution_param { num_output: 2 kernel_size: 3 } cconvolution_param { gamma: 0.1 c_rate: 2 } }
      layer { name: "i" type: "CInnerProduct" bottom: "c" top: "i" inner_product_param { num_output: 2 }
      cinner_product_param { iter_stop: 10 } param { } param { } param { } param { } }`)
    expect(
      graph.layers
        .slice(1)
        .map(({ type, declared_masked, parameters }) => [type, declared_masked, parameters.length]),
    ).toEqual([
      ['Convolution', true, 2],
      ['InnerProduct', true, 2],
    ])
  })

  it('flattens from the axis on for an inner product, and keeps what is before', () => {
    const layer = layerOf(
      'InnerProduct',
      'top: "t" inner_product_param { num_output: 7 axis: -2 transpose: true }',
    )
    expect(layer.params.axis).toBe(2)
    expect(layer.top_shapes).toEqual([[2, 3, 7]])
    expect(layer.parameters.map(({ shape }) => shape)).toEqual([[20, 7], [7]])
  })

  it('starts Scale as the identity, PReLU at 0.25, Bias at 0', () => {
    expect(layerOf('Scale', 'top: "t"').parameters[0].filler.value).toBe(1)
    expect(layerOf('PReLU', 'top: "t" prelu_param { channel_shared: true }').parameters[0]).toMatchObject({
      shape: [],
      filler: { value: 0.25 },
    })
    expect(layerOf('Bias', 'top: "t" bias_param { axis: 0 num_axes: -1 }').parameters[0]).toMatchObject({
      shape: [2, 3, 4, 5],
      filler: { value: 0 },
    })
  })

  it('learns only the bias of a Scale whose factor is a blob', () => {
    const layer = layerOf('Scale', 'top: "t" scale_param { axis: 1 bias_term: true }', [
      [2, 3, 4],
      [3, 4],
    ])
    expect(layer.parameters.map(({ shape }) => shape)).toEqual([[3, 4]])
  })

  it('uses global statistics of BatchNorm in the TEST phase unless told otherwise', () => {
    expect(layerOf('BatchNorm', 'top: "t"').params.use_global_stats).toBe(true)
    expect(layerOf('BatchNorm', 'top: "t"', undefined, { phase: 'TRAIN' }).params.use_global_stats).toBe(
      false,
    )
  })

  it.each([
    [
      'Convolution',
      'convolution_param { kernel_size: 3 }',
      /3:1: layer 'l' \(Convolution\): 'num_output' is missing/,
    ],
    ['Convolution', 'convolution_param { num_output: 4 }', /'kernel_size' is missing/],
    [
      'Convolution',
      'convolution_param { num_output: 4 kernel_size: 3 group: 2 }',
      /group 2 must divide 3 input channels/,
    ],
    [
      'Convolution',
      'convolution_param { num_output: 4 kernel_size: 7 pad: 1 }',
      /extent 7 does not fit an input of 4 \(6 with padding\) on axis 2/,
    ],
    [
      'Convolution',
      'convolution_param { num_output: 4 kernel_size: 1 kernel_size: 1 kernel_size: 1 }',
      /given 3 times for 2 spatial axes/,
    ],
    [
      'Convolution',
      'convolution_param { num_output: 4 kernel_size: 1 stride: 0 }',
      /'stride' must be above 0/,
    ],
    [
      'Convolution',
      'param { } param { } param { } convolution_param { num_output: 4 kernel_size: 1 }',
      /3 'param' for 2 parameter blobs/,
    ],
    [
      'Convolution',
      'convolution_param { num_output: 4 kernel_size: 1 weight_filler { type: "xavjer" } }',
      /no filler 'xavjer' .*did you mean 'xavier'/,
    ],
    [
      'InnerProduct',
      'inner_product_param { num_output: 4 axis: 4 }',
      /axis 4 is outside a blob of 4 axes \(2, 3, 4, 5\)/,
    ],
    ['BatchNorm', 'param { lr_mult: 1 }', /every lr_mult must be 0/],
    ['Scale', 'scale_param { axis: 2 num_axes: 3 }', /goes beyond the 4 axes/],
    ['Pooling', 'pooling_param { pool: MAX }', /'kernel_size' is missing/],
    ['Pooling', 'pooling_param { kernel_size: 2 pad: 2 }', /padding must be smaller than the kernel/],
    [
      'Pooling',
      'pooling_param { global_pooling: true kernel_size: 2 }',
      /global pooling takes no kernel size/,
    ],
    ['LRN', 'lrn_param { local_size: 4 }', /'local_size' must be odd/],
    ['Slice', 'slice_param { slice_point: 1 }', /1 tops need 0 'slice_point', found 1/],
    ['Reshape', 'reshape_param { shape { dim: 7 dim: -1 } }', /the top would have the shape/],
    ['Reshape', 'reshape_param { shape { dim: -1 dim: -1 } }', /only one dimension may be -1/],
    ['Reshape', 'reshape_param { shape { dim: 5 dim: 5 } }', /120 and 25 elements/],
    ['Tile', 'tile_param { axis: 1 }', /'tiles' is missing/],
    ['Dropout', 'dropout_param { dropout_ratio: 1 }', /between 0 and 1/],
    ['ArgMax', 'argmax_param { top_k: 61 }', /'top_k' 61 is more than the 60 values/],
    ['Softmax', 'softmax_param { axis: 7 }', /axis 7 is outside/],
    ['Log', 'log_param { base: 0 }', /'base' must be above 0/],
    ['ReLU', 'loss_weight: 1 loss_weight: 2', /2 'loss_weight' for 1 tops/],
    ['ReLU', 'propagate_down: true propagate_down: true', /2 'propagate_down' for 1 bottoms/],
  ] as const)('refuses %s with %s', (type, text, message) => {
    expect(refusal(() => layerOf(type, `top: "t"\n${text}`)).text).toMatch(message)
  })

  it('refuses pooling whose last window would start outside the input', () => {
    const pool = () =>
      layerOf('Pooling', 'top: "t" pooling_param { kernel_size: 2 stride: 3 }', [[1, 1, 9, 9]])
    expect(refusal(pool).code).toBe('pooling-window')
  })

  it.each([
    [
      'Eltwise',
      [
        [2, 3],
        [2, 4],
      ],
      '',
      /'x' is \(2, 3\) and 'y' is \(2, 4\): they must agree/,
    ],
    [
      'Concat',
      [
        [2, 3, 4],
        [2, 3, 5],
      ],
      '',
      /all axes but 1 must agree/,
    ],
    [
      'Crop',
      [
        [1, 1, 4, 4],
        [1, 1, 4, 4],
      ],
      'crop_param { offset: 1 }',
      /the crop leaves the blob on axis 2/,
    ],
    ['SoftmaxWithLoss', [[4, 10], [3]], '', /the batch sizes must agree/],
    [
      'SoftmaxWithLoss',
      [
        [4, 10],
        [4, 2],
      ],
      '',
      /one label for each of the 4 positions/,
    ],
    ['Accuracy', [[4, 10], [4]], 'accuracy_param { top_k: 11 }', /more than the 10 classes/],
    [
      'EuclideanLoss',
      [
        [4, 10],
        [4, 9],
      ],
      '',
      /their sizes must agree/,
    ],
    ['InfogainLoss', [[4, 10], [4]], '', /needs an infogain matrix/],
  ] as const)('refuses %s of %j', (type, shapes, text, message) => {
    expect(
      refusal(() =>
        layerOf(
          type,
          `top: "t" ${text}`,
          shapes.map((s) => [...s]),
        ),
      ).text,
    ).toMatch(message)
  })

  it('pools one window where the kernel is larger than the input by less than a stride', () => {
    // ceil((2 - 3) / 2) + 1 = 1 in pooling_layer.cpp
    const { top_shapes } = layerOf('Pooling', 'top: "t" pooling_param { kernel_size: 3 stride: 2 }', [
      [1, 1, 2, 2],
    ])
    expect(top_shapes).toEqual([[1, 1, 1, 1]])
  })

  it('rounds down where told to', () => {
    const floor = 'top: "t" pooling_param { kernel_size: 2 stride: 2 round_mode: FLOOR }'
    expect(layerOf('Pooling', floor, [[1, 1, 5, 5]]).top_shapes).toEqual([[1, 1, 2, 2]])
  })

  it('keeps a one-level pyramid as a plain pooling', () => {
    expect(layerOf('SPP', 'top: "t" spp_param { pyramid_height: 1 }').top_shapes).toEqual([[2, 3, 1, 1]])
  })
})

describe('losses', () => {
  it.each([
    ['SoftmaxWithLoss', [[4, 10], [4]], '', 'VALID'],
    ['SoftmaxWithLoss', [[4, 10], [4]], 'loss_param { normalize: false }', 'BATCH_SIZE'],
    ['SoftmaxWithLoss', [[4, 10], [4]], 'loss_param { normalize: false normalization: FULL }', 'FULL'],
    [
      'SigmoidCrossEntropyLoss',
      [
        [4, 10],
        [4, 10],
      ],
      '',
      'BATCH_SIZE',
    ],
    [
      'SigmoidCrossEntropyLoss',
      [
        [4, 10],
        [4, 10],
      ],
      'loss_param { normalize: true }',
      'VALID',
    ],
  ] as const)('%s of %j with "%s" normalises by %s', (type, shapes, text, normalization) => {
    const layer = layerOf(
      type,
      `top: "t" ${text}`,
      shapes.map((s) => [...s]),
    )
    expect(layer.params.normalization).toBe(normalization)
  })

  it('gives the probabilities as second top, without a loss weight', () => {
    const layer = layerOf('SoftmaxWithLoss', 'top: "t" top: "p"', [[4, 10], [4]])
    expect(layer.top_shapes).toEqual([[], [4, 10]])
    expect(layer.loss_weights).toEqual([1, 0])
  })

  it('reads probabilities in InfogainLoss where they come from a Softmax', () => {
    const text = (
      bottom: string,
    ) => `input: "x" input_shape { dim: 2 dim: 3 } input: "y" input_shape { dim: 2 }
      layer { name: "s" type: "Softmax" bottom: "x" top: "s" }
      layer { name: "l" type: "InfogainLoss" bottom: "${bottom}" bottom: "y" top: "l" infogain_loss_param { source: "H" } }`
    const inputOf = (bottom: string) => {
      const layer = graphOf(text(bottom)).layers.at(-1)
      return layer?.type === 'InfogainLoss' ? layer.params.input : null
    }
    expect(inputOf('s')).toBe('PROBABILITIES')
    expect(inputOf('x')).toBe('LOGITS')
  })
})

describe('data layers', () => {
  const data = (text: string, options = {}) => {
    const notes: Note[] = []
    const [layer] = graphOf(text, {
      dataShapes: { d: [3, 40, 50] },
      note: (note) => notes.push(note),
      ...options,
    }).layers
    if (layer.type !== 'Data') throw new Error('no data layer')
    return { layer, notes }
  }

  it('gives crops and labels', () => {
    const { layer } = data(
      'layer { name: "d" type: "Data" top: "a" top: "b" data_param { source: "s" batch_size: 5 } transform_param { crop_size: 32 mean_value: 1 mean_value: 2 mean_value: 3 } }',
      { sources: { d: '/data/lmdb' } },
    )
    expect(layer.top_shapes).toEqual([[5, 3, 32, 32], [5]])
    expect(layer.params).toMatchObject({ source: '/data/lmdb', batch_size: 5, datum_shape: [3, 40, 50] })
    expect(layer.params.transform).toMatchObject({
      scale: 1,
      mirror: false,
      crop_size: 32,
      mean_value: [1, 2, 3],
    })
  })

  it.each([
    ['HDF5Data', 'hdf5_data_param { batch_size: 2 }', [2, 3, 40, 50]],
    ['ImageData', 'image_data_param { batch_size: 2 new_height: 9 new_width: 8 }', [2, 3, 40, 50]],
    ['MemoryData', 'memory_data_param { batch_size: 2 channels: 1 height: 4 width: 5 }', [2, 3, 40, 50]],
    ['WindowData', 'window_data_param { batch_size: 2 }', [2, 3, 40, 50]],
  ])('reads %s as data to be mapped', (type, text, shape) => {
    const { layer, notes } = data(`layer { name: "d" type: "${type}" top: "a" top: "b" ${text} }`)
    expect(layer.top_shapes).toEqual([shape, [2]])
    expect(notes[0].message).toContain(`${type} is read as a Data layer of batch size 2`)
  })

  it.each([
    ['batch_size missing', 'data_param { source: "s" }', 'bad-value'],
    [
      'a crop larger than the image',
      'data_param { batch_size: 1 } transform_param { crop_size: 41 }',
      'shape-mismatch',
    ],
    [
      'two mean values for three channels',
      'data_param { batch_size: 1 } transform_param { mean_value: 1 mean_value: 2 }',
      'shape-mismatch',
    ],
    [
      'mean file and mean value',
      'data_param { batch_size: 1 } transform_param { mean_value: 1 mean_file: "m" }',
      'bad-value',
    ],
  ])('refuses %s', (_what, text, code) => {
    expect(refusal(() => data(`layer { name: "d" type: "Data" top: "a" ${text} }`)).code).toBe(code)
  })

  it('says that the shape is unknown, and what to do', () => {
    const text = 'layer { name: "d" type: "Data" top: "a" data_param { source: "s" batch_size: 1 } }'
    const refused = refusal(() => graphOf(text))
    expect(refused.code).toBe('unknown-data-shape')
    expect(refused.text).toMatch(/net.prototxt:1:62: .*locate the dataset/)
  })

  it('makes dummy data of old and new spelling', () => {
    const tops = (text: string) =>
      graphOf(`layer { name: "d" type: "DummyData" top: "a" top: "b" dummy_data_param { ${text} } }`)
    expect(tops('num: 1 channels: 2 height: 3 width: 4').layers[0].top_shapes).toEqual([
      [1, 2, 3, 4],
      [1, 2, 3, 4],
    ])
    expect(tops('shape { dim: 5 } shape { dim: 6 }').layers[0].top_shapes).toEqual([[5], [6]])
  })
})

describe('shared parameters', () => {
  const pair = (first: string, second: string, outputs = 4) =>
    graphOf(`input: "x" input_shape { dim: 2 dim: 4 }
      layer { name: "a" type: "InnerProduct" bottom: "x" top: "a" param { name: "w" ${first} } inner_product_param { num_output: 4 bias_term: false } }
      layer { name: "b" type: "InnerProduct" bottom: "a" top: "b" param { name: "w" ${second} } inner_product_param { num_output: ${outputs} bias_term: false } }`)
  const rates = (graph: ReturnType<typeof pair>) =>
    graph.layers.slice(1).map(({ parameters }) => parameters[0].lr_mult)

  it('have one rate, whoever states it', () => {
    expect(rates(pair('', 'lr_mult: 3'))).toEqual([3, 3])
    expect(rates(pair('lr_mult: 3', ''))).toEqual([3, 3])
    expect(rates(pair('', ''))).toEqual([1, 1])
  })
  it('may not have two rates, or two shapes', () => {
    expect(refusal(() => pair('lr_mult: 3', 'lr_mult: 2')).text).toMatch(
      /shared with layer 'a', but has lr_mult 2 here and 3 there/,
    )
    expect(refusal(() => pair('', '', 5)).text).toMatch(/but is \(5, 4\) here and \(4, 4\) there/)
  })
})
