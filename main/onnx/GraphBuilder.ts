// Collects the nodes and initializers of one ONNX graph and keeps names unique (ONNX is SSA: a value is written once).

import type { Shape } from '../net/graph'
import { count } from '../net/graph'
import { AppError } from '../net/errors'
import type { AttributeMessage, NodeMessage } from './schema'
import { ATTRIBUTE_TYPE, DATA_TYPE } from './schema'

export interface Initializer {
  name: string
  shape: Shape
  dataType: number
  load: () => Promise<Float32Array | BigInt64Array>
}

/** Integers and floats look alike in JavaScript, so a float attribute is wrapped. */
export type AttributeValue = number | number[] | string | { float: number }

export type Attributes = Record<string, AttributeValue>

export class GraphBuilder {
  readonly nodes: NodeMessage[] = []
  readonly initializers: Initializer[] = []
  private readonly names = new Set<string>()
  private readonly nodeNames = new Set<string>()
  private readonly shared = new Map<string, string>()

  /** A value name not used before: `name` itself, or `name_1`, `name_2` ... */
  unique(name: string): string {
    return claim(this.names, name)
  }

  node(name: string, opType: string, input: string[], output: string[], attributes: Attributes = {}): void {
    this.nodes.push({
      name: claim(this.nodeNames, name),
      op_type: opType,
      input,
      output,
      attribute: Object.entries(attributes).map(([key, value]) => attributeMessage(key, value)),
    })
  }

  floats(name: string, shape: Shape, load: () => Promise<Float32Array>): string {
    const unique = this.unique(name)
    this.initializers.push({
      name: unique,
      shape,
      dataType: DATA_TYPE.FLOAT,
      load: () => checked(unique, shape, load),
    })
    return unique
  }

  ints(name: string, values: number[]): string {
    const unique = this.unique(name)
    const bigints = BigInt64Array.from(values, (value) => BigInt(value))
    this.initializers.push({
      name: unique,
      shape: [values.length],
      dataType: DATA_TYPE.INT64,
      load: async () => bigints,
    })
    return unique
  }

  /** The value made for `key`, made once: layers that share a parameter share its initializer. */
  once(key: string, make: () => string): string {
    const known = this.shared.get(key)
    if (known !== undefined) return known
    const made = make()
    this.shared.set(key, made)
    return made
  }
}

function claim(taken: Set<string>, wanted: string): string {
  let name = wanted
  for (let i = 1; taken.has(name); i++) name = `${wanted}_${i}`
  taken.add(name)
  return name
}

async function checked(name: string, shape: Shape, load: () => Promise<Float32Array>): Promise<Float32Array> {
  const values = await load()
  if (values.length === count(shape)) return values
  throw new AppError(
    'shape-mismatch',
    `'${name}' has ${values.length} values where its shape (${shape.join(', ')}) needs ${count(shape)}`,
    { hint: 'the weights do not belong to this net' },
  )
}

function attributeMessage(name: string, value: AttributeValue): AttributeMessage {
  if (typeof value === 'number') return { name, type: ATTRIBUTE_TYPE.INT, i: value }
  if (typeof value === 'string')
    return { name, type: ATTRIBUTE_TYPE.STRING, s: new TextEncoder().encode(value) }
  if (Array.isArray(value)) return { name, type: ATTRIBUTE_TYPE.INTS, ints: value }
  return { name, type: ATTRIBUTE_TYPE.FLOAT, f: value.float }
}
