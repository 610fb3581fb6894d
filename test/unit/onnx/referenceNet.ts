// A net small enough to compute by hand, Data -> InnerProduct -> scores, with the parts of the engine's interface that a
// verification uses, so that it can be tested without the native engine.

import type { DatumImage, EngineAddon, ParameterInfo, Session } from '../../../main/engine/binding'
import type { Filler, Layer, LayerOf, NetGraph, Parameter, Shape, Transform } from '../../../main/net/graph'
import { count } from '../../../main/net/graph'

export interface ReferenceOptions {
  images: number
  batch: number
  /** (C, H, W) as stored */
  stored: [number, number, number]
  transform: Partial<Transform>
  meanImage?: Float32Array
  /** Images whose data the net sees mirrored. */
  mirrored?: (index: number) => boolean
  classes: number
}

const FILLER: Filler = {
  type: 'constant',
  value: 0,
  min: 0,
  max: 1,
  mean: 0,
  std: 1,
  sparse: -1,
  variance_norm: 'FAN_IN',
}

/** Park and Miller's generator, in (0, 1). */
export function uniform(seed: number): () => number {
  let state = seed
  return () => {
    state = (state * 48271) % 2147483647
    return state / 2147483647
  }
}

export class ReferenceNet implements Pick<Session, 'parameters' | 'getParameter' | 'rewind' | 'forwardTest'> {
  readonly transform: Transform
  readonly images: DatumImage[]
  readonly weights: Float32Array
  readonly bias: Float32Array
  readonly mask: Float32Array
  readonly parameters: ParameterInfo[]
  private readonly itemShape: Shape
  private cursor = 0

  constructor(private readonly options: ReferenceOptions) {
    const { stored, classes } = options
    const random = uniform(7)
    this.transform = {
      scale: 1,
      mirror: false,
      crop_size: 0,
      mean_file: '',
      mean_value: [],
      force_color: false,
      force_gray: false,
      ...options.transform,
    }
    const crop = this.transform.crop_size
    this.itemShape = crop === 0 ? [...stored] : [stored[0], crop, crop]
    this.images = Array.from({ length: options.images }, () => ({
      shape: stored,
      label: Math.floor(random() * classes),
      pixels: new Float32Array(count(stored)).map(() => Math.floor(random() * 256)),
    }))
    const inputs = count(this.itemShape)
    this.weights = new Float32Array(classes * inputs).map(() => (random() - 0.5) / 8)
    this.mask = this.weights.map(() => (random() < 0.5 ? 0 : 1))
    this.bias = new Float32Array(classes).map(() => random() - 0.5)
    this.parameters = [
      { layer: 'ip', slot: 0, shape: [classes, inputs], lrMult: 1, decayMult: 1, prunable: 0 },
      { layer: 'ip', slot: 1, shape: [classes], lrMult: 1, decayMult: 1, prunable: 0 },
    ]
  }

  readonly addon: Pick<EngineAddon, 'readDatums' | 'describeDatums'> = {
    describeDatums: async () => ({
      entries: this.images.length,
      shape: this.options.stored,
      encoded: false,
      floatData: false,
    }),
    readDatums: async (_folder, start, items) => this.images.slice(start, start + items),
  }

  async getParameter(index: number, part: string): Promise<Float32Array> {
    if (part === 'mask') return index === 0 ? this.mask : new Float32Array(this.bias.length).fill(1)
    return index === 0 ? this.weights : this.bias
  }

  async rewind(): Promise<void> {
    this.cursor = 0
  }

  async forwardTest(blobs: string[]): Promise<Float32Array[]> {
    const { batch, classes } = this.options
    const size = count(this.itemShape)
    const data = new Float32Array(batch * size)
    const label = new Float32Array(batch)
    const scores = new Float32Array(batch * classes)
    for (let item = 0; item < batch; item++) {
      const index = this.cursor++ % this.images.length
      const values = this.preprocess(index)
      data.set(values, item * size)
      label[item] = this.images[index].label
      for (let c = 0; c < classes; c++) {
        let sum = this.bias[c]
        for (let i = 0; i < size; i++) sum += values[i] * this.weights[c * size + i] * this.mask[c * size + i]
        scores[item * classes + c] = sum
      }
    }
    const known: Record<string, Float32Array> = { data, label, scores }
    return blobs.map((name) => known[name])
  }

  /** DataTransformer's order: crop, subtract the mean at the place in the stored image, scale; mirrored on writing. */
  private preprocess(index: number): Float32Array {
    const { stored, meanImage, mirrored } = this.options
    const { scale, mean_value } = this.transform
    const [, fullHeight, fullWidth] = stored
    const [channels, height, width] = this.itemShape
    const top = Math.floor((fullHeight - height) / 2)
    const left = Math.floor((fullWidth - width) / 2)
    const values = new Float32Array(channels * height * width)
    for (let c = 0; c < channels; c++) {
      for (let y = 0; y < height; y++) {
        for (let x = 0; x < width; x++) {
          const at = (c * fullHeight + top + y) * fullWidth + left + x
          const mean = meanImage?.[at] ?? mean_value[mean_value.length === 1 ? 0 : c] ?? 0
          const column = mirrored?.(index) ? width - 1 - x : x
          values[(c * height + y) * width + column] = Math.fround(
            (this.images[index].pixels[at] - mean) * scale,
          )
        }
      }
    }
    return values
  }

  testGraph(): NetGraph {
    const { batch, stored } = this.options
    const data: LayerOf<'Data'> = {
      ...common('images', [], ['data', 'label'], [[batch, ...this.itemShape], [batch]]),
      type: 'Data',
      params: { source: '/images', batch_size: batch, datum_shape: stored, transform: this.transform },
    }
    const accuracy: LayerOf<'Accuracy'> = {
      ...common('accuracy', ['scores', 'label'], ['accuracy'], [[]]),
      type: 'Accuracy',
      params: { top_k: 1, axis: 1, ignore_label: null },
    }
    return net([data, this.innerProduct(batch), accuracy])
  }

  deployGraph(end: 'scores' | 'softmax'): NetGraph {
    const input: LayerOf<'Input'> = {
      ...common('data', [], ['data'], [[1, ...this.itemShape]]),
      type: 'Input',
      params: {},
    }
    const softmax: LayerOf<'Softmax'> = {
      ...common('prob', ['scores'], ['prob'], [[1, this.options.classes]]),
      type: 'Softmax',
      params: { axis: 1 },
    }
    return net(end === 'softmax' ? [input, this.innerProduct(1), softmax] : [input, this.innerProduct(1)])
  }

  private innerProduct(batch: number): LayerOf<'InnerProduct'> {
    const { classes } = this.options
    return {
      ...common('ip', ['data'], ['scores'], [[batch, classes]]),
      type: 'InnerProduct',
      params: { num_output: classes, bias_term: true, axis: 1, transpose: false },
      parameters: this.parameters.map(({ shape }) => parameter(shape)),
    }
  }
}

export function parameter(shape: Shape, name = ''): Parameter {
  return { name, shape, lr_mult: 1, decay_mult: 1, filler: FILLER }
}

/** What every layer has, with no parameters. */
export function common(
  name: string,
  bottoms: string[],
  tops: string[],
  top_shapes: Shape[],
): Omit<LayerOf<'Split'>, 'type' | 'params'> {
  return {
    name,
    bottoms,
    tops,
    top_shapes,
    parameters: [],
    loss_weights: tops.map(() => 0),
    propagate_down: [],
  }
}

export function net(layers: Layer[]): NetGraph {
  return { name: 'reference', phase: 'TEST', force_backward: false, layers }
}
