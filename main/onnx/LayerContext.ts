// What the exporter of one layer type sees: its bottoms as ONNX values, its tops' names, and the means to add nodes.

import type { Layer, Shape } from '../net/graph'
import { count } from '../net/graph'
import { AppError } from '../net/errors'
import type { Attributes, GraphBuilder } from './GraphBuilder'

/** The weights of a pruned layer as they act: value * mask. Float32, in Caffe's blob layout. */
export type WeightReader = (layer: string, slot: number) => Promise<Float32Array>

export interface Bottom {
  /** ONNX value name. */
  value: string
  shape: Shape
}

export class LayerContext {
  constructor(
    private readonly builder: GraphBuilder,
    private readonly layer: Layer,
    readonly bottoms: Bottom[],
    /** ONNX value names to write the tops to. */
    readonly tops: string[],
    private readonly weights: WeightReader,
    /** Batch size the graph was made with. */
    private readonly batch: number,
    /** Filled by alias(): top index to value. */
    private readonly aliases: Map<number, string>,
  ) {}

  /** Adds a node with one output, named after the layer, and returns the output's name. */
  node(opType: string, inputs: string[], attributes: Attributes = {}): string {
    return this.nodeTo(this.builder.unique(`${this.layer.name}/${opType}`), opType, inputs, attributes)
  }

  /** Adds the node that writes top `index`. */
  top(index: number, opType: string, inputs: string[], attributes: Attributes = {}): void {
    this.nodeTo(this.tops[index], opType, inputs, attributes)
  }

  /** Adds a node that writes the values named. */
  nodeToAll(outputs: string[], opType: string, inputs: string[], attributes: Attributes = {}): void {
    this.builder.node(this.layer.name, opType, inputs, outputs, attributes)
  }

  /** Top `index` is an existing value: no node. */
  alias(index: number, value: string): void {
    this.aliases.set(index, value)
  }

  value(suffix: string): string {
    return this.builder.unique(`${this.layer.name}/${suffix}`)
  }

  /** The layer's parameter `slot` as an initializer, in `shape` where another is wanted than Caffe's. */
  parameter(slot: number, role: string, shape?: Shape): string {
    const { name, shape: ownShape } = this.layer.parameters[slot]
    const finalShape = shape ?? ownShape
    const make = (): string =>
      this.builder.floats(`${this.layer.name}.${role}`, finalShape, () => this.weights(this.layer.name, slot))
    return name === '' ? make() : this.builder.once(`${name}/${finalShape.join('x')}`, make)
  }

  /** An initializer computed from the layer's parameters when the file is written. */
  derived(
    role: string,
    shape: Shape,
    slots: number[],
    compute: (blobs: Float32Array[]) => Float32Array,
  ): string {
    return this.builder.floats(`${this.layer.name}.${role}`, shape, async () =>
      compute(await Promise.all(slots.map((slot) => this.weights(this.layer.name, slot)))),
    )
  }

  scalar(role: string, value: number): string {
    return this.builder.floats(`${this.layer.name}.${role}`, [], async () => Float32Array.of(value))
  }

  constant(role: string, shape: Shape, values: Float32Array): string {
    return this.builder.floats(`${this.layer.name}.${role}`, shape, async () => values)
  }

  ints(role: string, values: number[]): string {
    return this.builder.ints(`${this.layer.name}.${role}`, values)
  }

  /** The shape operand of a Reshape to `to` that holds for every batch size: the outermost axis is inferred. Refused
   *  where the rest of `to` is not a whole part of one item. */
  batchShape(to: Shape): string {
    const perItem = count(to) / this.batch
    if (to.length === 0 || perItem % count(to.slice(1)) !== 0) this.refuse('mixes the items of a batch')
    return this.ints('shape', [-1, ...to.slice(1)])
  }

  refuse(reason: string, hint = 'use a net without this layer, or move it behind the exported part'): never {
    const { name, type, at } = this.layer
    throw new AppError(
      'not-exportable',
      `layer '${name}' of type ${type} cannot be exported to ONNX: it ${reason}`,
      {
        file: at?.file,
        line: at?.line,
        column: at?.column,
        hint,
      },
    )
  }

  private nodeTo(output: string, opType: string, inputs: string[], attributes: Attributes): string {
    this.builder.node(this.layer.name, opType, inputs, [output], attributes)
    return output
  }
}
