import { describe, expect, it } from 'vitest'
import { parseNet, readPrototxtFile } from '../../../main/caffe/prototxt'
import { refusal, temporaryFolder, write } from './fixtures'

const parse = (text: string) => parseNet(text, 'lenet.prototxt')

describe('parseNet', () => {
  it('reads what is written and nothing else', () => {
    const net = parse(`
      # a comment
      name: 'Le' "Net"
      layer { name: "conv1" type: "Convolution" convolution_param < kernel_size: [3, 5]; num_output: 0x10 > }
      layer: { name: "relu" type: "ReLU" }`)
    expect(net.name).toBe('LeNet')
    expect(net.layer?.map(({ name }) => name)).toEqual(['conv1', 'relu'])
    expect(net.layer?.[0].convolution_param).toEqual({ kernel_size: [3, 5], num_output: 16 })
    expect(net.layer?.[1]).not.toHaveProperty('convolution_param')
  })

  it('knows where each layer stands', () => {
    const net = parse('layer { name: "a" type: "ReLU" }\n\n  layer { name: "b" type: "ReLU" }')
    expect(net.layer?.map(({ text }) => text?.at)).toEqual([
      { file: 'lenet.prototxt', line: 1, column: 1 },
      { file: 'lenet.prototxt', line: 3, column: 3 },
    ])
  })

  it('takes a byte order mark and Windows line ends', () => {
    const net = parse('\uFEFFname: "x"\r\nlayer {\r\n  name: "a"\r\n}\r\n')
    expect(net.name).toBe('x')
    expect(net.layer?.[0].text?.at.line).toBe(2)
  })

  it.each([
    [
      'a misspelt field',
      'layer {\n  convolution_param {\n    kernal_size: 5\n  }\n}',
      "lenet.prototxt:3:5: unknown field 'kernal_size' in ConvolutionParameter (did you mean 'kernel_size'?)",
    ],
    [
      'a misspelt enum value',
      'layer { pooling_param {\n pool: MAXX } }',
      "lenet.prototxt:2:8: 'pool' takes one of MAX, AVE, STOCHASTIC; found 'MAXX' (did you mean 'MAX'?)",
    ],
    [
      'a quoted enum value',
      'layer { pooling_param { pool: "MAX" } }',
      "lenet.prototxt:1:31: 'pool' takes one of MAX, AVE, STOCHASTIC; found 'MAX' (write it without quotes)",
    ],
    [
      'a layer type without quotes',
      'layer { type: Convolution }',
      "lenet.prototxt:1:15: 'type' needs a string, found Convolution (put it in quotes)",
    ],
    [
      'a fraction for a whole number',
      'layer {\n convolution_param { num_output: 2.5 } }',
      "lenet.prototxt:2:34: 'num_output' needs a whole number, found '2.5'",
    ],
    [
      'a negative size',
      'layer { convolution_param { num_output: -2 } }',
      "lenet.prototxt:1:41: 'num_output' is out of range: -2 is not within 0 to 4294967295",
    ],
    [
      'a field given twice',
      'name: "a"\nname: "b"',
      "lenet.prototxt:2:1: 'name' is given twice; it was set on line 1",
    ],
    [
      'a message that is never closed',
      'layer {\n  name: "a"\n',
      "lenet.prototxt:1:1: the message opened here is never closed by '}'",
    ],
    ['a stray brace', 'layer { }\n}', "lenet.prototxt:2:1: expected a field name, found '}'"],
    ['an open string', 'name: "abc\n', 'lenet.prototxt:1:7: this string has no closing quote on its line'],
    ['a missing colon', 'name "abc"', "lenet.prototxt:1:6: expected ':' or '{' after 'name', found 'abc'"],
    ['a missing value', 'layer { name: }', "lenet.prototxt:1:15: expected a value for 'name', found '}'"],
    [
      'a value in place of a message',
      'layer: 3',
      "lenet.prototxt:1:8: 'layer' is a LayerParameter (write it as { ... })",
    ],
    [
      'a bool of another language',
      'force_backward: yes',
      "lenet.prototxt:1:17: 'force_backward' needs true or false, found 'yes'",
    ],
    [
      'bytes that are no text',
      'name: "a"\n\u0001',
      'lenet.prototxt:2:1: a character that the text format does not know: "\\u0001"',
    ],
    [
      'clip_param without max',
      'layer {\n clip_param { min: 1 } }',
      "lenet.prototxt:2:2: ClipParameter needs 'max'",
    ],
    [
      'the parameters of a layer of another branch',
      'layer { name: "p" type: "Permute"\n  permute_param { order: 0 } }',
      "lenet.prototxt:1:25: the layer type 'Permute', to which 'permute_param' belongs, is not known; supported are Data,",
    ],
  ])('refuses %s', (_what, text, message) => {
    const { text: refused } = refusal(() => parse(text))
    // the list of all layer types is cut off
    expect(message.endsWith(',') ? refused.slice(0, message.length) : refused).toBe(message)
  })

  it('refuses nesting that would exhaust the stack', () => {
    const text = 'layer {'.repeat(100_000)
    expect(refusal(() => parse(text)).text).toContain('nested more than 100 deep')
  })

  it('does not take the names of Object for fields', () => {
    expect(refusal(() => parse('constructor: 1')).code).toBe('unknown-field')
    expect(refusal(() => parse('__proto__ { }')).code).toBe('unknown-field')
  })
})

describe('readPrototxtFile', () => {
  const folder = temporaryFolder()
  it('reads text', () => {
    expect(readPrototxtFile(write(folder, 'a.prototxt', 'name: "ä"'))).toBe('name: "ä"')
  })
  it('refuses what is not a file', () => {
    expect(refusal(() => readPrototxtFile(folder)).code).toBe('unreadable-file')
    expect(refusal(() => readPrototxtFile(`${folder}/none`)).code).toBe('unreadable-file')
  })
})
