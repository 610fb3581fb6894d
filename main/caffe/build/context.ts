// What a layer rule sees of its layer, and what it answers.

import { AppError } from '../../net/errors'
import { count, type Filler, type LayerParams, type LayerType, type Phase, type Shape } from '../../net/graph'
import type { FillerMessage, LayerMessage } from '../messages'
import { didYouMean } from '../suggest'
import { locate } from '../textTree'

export interface Note {
  level: 'info' | 'warning'
  message: string
  file?: string
  line?: number
}

export interface BuildOptions {
  phase: Phase
  level?: number
  stages?: string[]
  /** (C, H, W) of a stored datum, by data layer name. */
  dataShapes?: Record<string, [number, number, number]>
  /** Absolute LMDB folder, by data layer name. */
  sources?: Record<string, string>
  /** Replaces the batch size of every data layer. */
  batchSize?: (stated: number) => number
  /** Finds a mean or infogain file as stated; '' where there is none. Absent: paths stay as stated. */
  resolveFile?: (stated: string) => string
  /** What InfogainLoss reads; absent: probabilities where they come from a Softmax layer, else logits. */
  infogainInput?: 'LOGITS' | 'PROBABILITIES'
  note?: (note: Note) => void
}

export interface ParameterDraft {
  shape: Shape
  filler: Filler
  /** The layer sets the rate itself (BatchNorm's statistics: 0). */
  fixedLrMult?: number
}

export interface Built<T extends LayerType> {
  type: T
  params: LayerParams[T]
  tops: Shape[]
  parameters?: ParameterDraft[]
  declaredMasked?: boolean
}

export interface Rule {
  /** Number of bottoms and tops allowed: [least, most]. */
  bottoms: readonly [number, number]
  tops: readonly [number, number]
  /** Top i may be bottom i itself. */
  inPlace?: boolean
  /** The first top has loss weight 1 by default, and a layer without tops gets one. */
  loss?: boolean
  build: (context: LayerContext) => Built<LayerType>
}

export const anyNumber = Number.MAX_SAFE_INTEGER

export function shapeText(shape: Shape): string {
  return `(${shape.join(', ')})`
}

// Blob::Reshape of Caffe: at most 32 axes and INT_MAX elements
const maxAxes = 32
const maxCount = 2 ** 31 - 1

export class LayerContext {
  constructor(
    readonly layer: LayerMessage,
    readonly name: string,
    readonly bottoms: Shape[],
    readonly topCount: number,
    readonly options: BuildOptions,
    /** Type of the layer that wrote bottom i. */
    readonly bottomTypes: LayerType[],
  ) {}

  /** Refuses the layer; `path` is the field at fault ('convolution_param.kernel_size'). */
  fail(code: string, message: string, path = '', hint?: string): never {
    throw new AppError(code, `layer '${this.name}' (${this.layer.type ?? ''}): ${message}`, {
      ...locate(this.layer.text, path),
      hint,
    })
  }

  note(level: Note['level'], message: string): void {
    const at = this.layer.text?.at
    this.options.note?.({
      level,
      message: `layer '${this.name}': ${message}`,
      file: at?.file,
      line: at?.line,
    })
  }

  /** Axis counted from 0; negative ones count from the end (Blob::CanonicalAxisIndex). */
  axis(value: number, path: string, rank = this.bottoms[0].length): number {
    if (value < -rank || value >= rank) {
      this.fail(
        'bad-axis',
        `axis ${value} is outside a blob of ${rank} axes ${shapeText(this.bottoms[0])}`,
        path,
      )
    }
    return value < 0 ? value + rank : value
  }

  checkShape(shape: Shape, what: string, path = ''): Shape {
    if (shape.length > maxAxes)
      this.fail('bad-shape', `${what} has ${shape.length} axes; Caffe allows ${maxAxes}`, path)
    if (!shape.every((dim) => Number.isInteger(dim) && dim > 0)) {
      this.fail('bad-shape', `${what} would have the shape ${shapeText(shape)}`, path)
    }
    if (count(shape) > maxCount) {
      this.fail('bad-shape', `${what} of shape ${shapeText(shape)} has more than ${maxCount} elements`, path)
    }
    return shape
  }

  positive(value: number | undefined, path: string): number {
    if (value === undefined || value <= 0) {
      const key = path.split('.').at(-1)
      this.fail('bad-value', value === undefined ? `'${key}' is missing` : `'${key}' must be above 0`, path)
    }
    return value
  }

  requireRank(rank: number, index = 0): Shape {
    const shape = this.bottoms[index]
    if (shape.length !== rank) {
      this.fail(
        'shape-mismatch',
        `needs an input of ${rank} axes, but '${this.bottomName(index)}' is ${shapeText(shape)}`,
      )
    }
    return shape
  }

  bottomName(index: number): string {
    return this.layer.bottom?.[index] ?? ''
  }

  /** All bottoms must have the first one's shape. */
  requireSameShapes(): Shape {
    const first = this.bottoms[0]
    this.bottoms.forEach((shape, i) => {
      if (shape.length === first.length && shape.every((dim, axis) => dim === first[axis])) return
      this.mismatch(i)
    })
    return first
  }

  mismatch(index: number, rule = 'they must agree'): never {
    const first = `'${this.bottomName(0)}' is ${shapeText(this.bottoms[0])}`
    const other = `'${this.bottomName(index)}' is ${shapeText(this.bottoms[index])}`
    this.fail('shape-mismatch', `${first} and ${other}: ${rule}`, 'bottom')
  }
}

const fillerTypes = [
  'constant',
  'gaussian',
  'msra',
  'positive_unitball',
  'uniform',
  'xavier',
  'bilinear',
] as const satisfies readonly Filler['type'][]

/** A FillerParameter with Caffe's defaults; `constant` is the value where none was written at all. */
export function resolveFiller(
  context: LayerContext,
  message: FillerMessage | undefined,
  path: string,
  constant = 0,
): Filler {
  const written = message?.type ?? 'constant'
  const type = fillerTypes.find((known) => known === written)
  if (type === undefined) {
    const known = fillerTypes.join(', ')
    context.fail(
      'bad-filler',
      `there is no filler '${written}' (${known})`,
      `${path}.type`,
      didYouMean(written, fillerTypes),
    )
  }
  return {
    type,
    value: message?.value ?? (message === undefined ? constant : 0),
    min: message?.min ?? 0,
    max: message?.max ?? 1,
    mean: message?.mean ?? 0,
    std: message?.std ?? 1,
    sparse: message?.sparse ?? -1,
    variance_norm: message?.variance_norm ?? 'FAN_IN',
  }
}
