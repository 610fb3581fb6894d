// One phase of a net: layers filtered, blobs connected, defaults resolved, shapes computed. As Net::Init of Caffe.

import { AppError } from '../../net/errors'
import type { Layer, LayerType, NetGraph, Shape, SourceLocation } from '../../net/graph'
import { isIncluded } from '../filter'
import type { LayerMessage, NetMessage } from '../messages'
import { didYouMean } from '../suggest'
import { findField, locate } from '../textTree'
import { upgradeNet } from '../upgrade'
import { LayerContext, type BuildOptions, type Built, type Rule } from './context'
import { resolveParameters, resolveSharing } from './parameters'
import { layerRules } from './rules'

interface Blob {
  shape: Shape
  type: LayerType
  layer: string
}

function rangeText([least, most]: readonly [number, number]): string {
  if (least === most) return String(least)
  return most >= Number.MAX_SAFE_INTEGER ? `at least ${least}` : `${least} to ${most}`
}

function ruleFor(layer: LayerMessage, name: string): Rule {
  const type = layer.type ?? ''
  const rule = layerRules.get(type)
  if (rule !== undefined) return rule
  const supported = [...layerRules.keys()]
  const problem =
    type === '' ? `layer '${name}' has no type` : `layer '${name}' has the unknown type '${type}'`
  throw new AppError('unknown-layer', `${problem}; supported are ${supported.join(', ')}`, {
    ...locate(layer.text, 'type'),
    hint: didYouMean(type, supported),
  })
}

function layerName(layer: LayerMessage, index: number): string {
  // Caffe lets a layer be nameless; here names are identities
  return layer.name || layer.top?.[0] || `layer${index + 1}`
}

/** Why a bottom is not there: never made, made only later, or made in a circle. */
function refuseBottom(
  layers: LayerMessage[],
  index: number,
  bottom: string,
  blobs: Map<string, Blob>,
  n: number,
): never {
  const layer = layers[index]
  const name = layerName(layer, index)
  const at: Partial<SourceLocation> = findField(layer.text, 'bottom', n)?.at ?? layer.text?.at ?? {}
  const makerIndex = layers.findIndex((other, i) => i >= index && other.top?.includes(bottom))
  if (makerIndex === -1) {
    throw new AppError(
      'dangling-bottom',
      `layer '${name}' reads the blob '${bottom}', which no layer before it makes`,
      {
        ...at,
        hint: didYouMean(bottom, blobs.keys()),
      },
    )
  }
  const maker = layerName(layers[makerIndex], makerIndex)
  if (dependsOn(layers, makerIndex, new Set(layer.top ?? []))) {
    const circle =
      makerIndex === index ? 'by itself' : `by layer '${maker}', which in turn reads what '${name}' makes`
    throw new AppError(
      'cyclic-net',
      `layer '${name}' reads the blob '${bottom}', which is made ${circle}`,
      at,
    )
  }
  const line = layers[makerIndex].text?.at.line
  const where = line === undefined ? 'later' : `later, in line ${line}`
  throw new AppError(
    'unordered-net',
    `layer '${name}' reads the blob '${bottom}', which layer '${maker}' makes ${where}`,
    {
      ...at,
      hint: 'Caffe runs layers in the order written: move the reader behind the maker',
    },
  )
}

/** Whether layer `index` reads, directly or through others, one of the blobs. */
function dependsOn(layers: LayerMessage[], index: number, blobs: Set<string>): boolean {
  const makers = new Map<string, number[]>()
  layers.forEach(({ top }, i) => {
    for (const name of top ?? []) {
      const list = makers.get(name)
      if (list === undefined) makers.set(name, [i])
      else list.push(i)
    }
  })
  const reached = new Set<number>([index])
  // a set grows while it is walked
  for (const current of reached) {
    for (const bottom of layers[current].bottom ?? []) {
      if (blobs.has(bottom)) return true
      for (const maker of makers.get(bottom) ?? []) reached.add(maker)
      makers.delete(bottom)
    }
  }
  return false
}

class GraphBuilder {
  private readonly blobs = new Map<string, Blob>()
  private readonly layersWithParameters = new Map<string, SourceLocation | undefined>()
  readonly built: { layer: Layer; message: LayerMessage }[] = []

  constructor(
    private readonly layers: LayerMessage[],
    private readonly options: BuildOptions,
  ) {}

  add(message: LayerMessage, index: number): void {
    const name = layerName(message, index)
    const rule = ruleFor(message, name)
    const bottoms = message.bottom ?? []
    const inputs = bottoms.map((bottom, n) => {
      const blob = this.blobs.get(bottom)
      return blob ?? refuseBottom(this.layers, index, bottom, this.blobs, n)
    })
    const tops = this.topNames(message, name, rule)
    const context = new LayerContext(
      message,
      name,
      inputs.map((blob) => blob.shape),
      tops.length,
      this.options,
      inputs.map((blob) => blob.type),
    )
    this.checkCounts(context, rule, bottoms.length, tops.length)
    const built = rule.build(context)
    this.connect(context, rule, built, bottoms, tops)
    const masked = built.declaredMasked === true
    const parameters = resolveParameters(context, built.parameters ?? [], masked)
    if (parameters.length > 0) this.claimName(context)
    const layer = {
      name,
      type: built.type,
      params: built.params,
      bottoms,
      tops,
      top_shapes: built.tops,
      parameters,
      loss_weights: this.lossWeights(context, rule, tops.length),
      propagate_down: this.propagateDown(context, bottoms.length),
      ...(masked ? { declared_masked: true } : {}),
      ...(message.text === undefined ? {} : { at: message.text.at }),
      // type and params come from one rule, which the compiler cannot see through the union
    } as Layer
    this.built.push({ layer, message })
  }

  private topNames(message: LayerMessage, name: string, rule: Rule): string[] {
    const tops = message.top ?? []
    if (tops.length > 0 || rule.loss !== true) return tops
    // Caffe's "(automatic)" top of a loss layer
    let top = name
    while (this.blobs.has(top)) top += '_loss'
    return [top]
  }

  private checkCounts(context: LayerContext, rule: Rule, bottoms: number, tops: number): void {
    if (bottoms < rule.bottoms[0] || bottoms > rule.bottoms[1]) {
      context.fail('bad-layer', `takes ${rangeText(rule.bottoms)} bottoms, found ${bottoms}`, 'bottom')
    }
    if (tops < rule.tops[0] || tops > rule.tops[1]) {
      context.fail('bad-layer', `takes ${rangeText(rule.tops)} tops, found ${tops}`, 'top')
    }
  }

  private connect(
    context: LayerContext,
    rule: Rule,
    built: Built<LayerType>,
    bottoms: string[],
    tops: string[],
  ): void {
    if (built.tops.length !== tops.length) {
      context.fail('bad-layer', `makes ${built.tops.length} tops, but ${tops.length} are named`, 'top')
    }
    const seen = new Set<string>()
    tops.forEach((top, i) => {
      const earlier = this.blobs.get(top)
      const inPlace = bottoms[i] === top
      const at = () => findField(context.layer.text, 'top', i)?.at ?? context.layer.text?.at
      if (inPlace && rule.inPlace !== true) {
        const message = `layer '${context.name}' (${context.layer.type ?? ''}) cannot work in place`
        throw new AppError('in-place', message, { ...at(), hint: `give its top a name other than '${top}'` })
      }
      if (!inPlace && (earlier !== undefined || seen.has(top))) {
        const message = `the blob '${top}' is made by layer '${earlier?.layer ?? context.name}' and again by '${context.name}'`
        throw new AppError('duplicate-top', message, {
          ...at(),
          hint: 'every top needs a name of its own, unless a layer works in place',
        })
      }
      seen.add(top)
    })
    tops.forEach((top, i) => {
      const shape = context.checkShape(built.tops[i], `top '${top}'`, 'top')
      this.blobs.set(top, { shape, type: built.type, layer: context.name })
    })
  }

  private claimName(context: LayerContext): void {
    if (this.layersWithParameters.has(context.name)) {
      const line = this.layersWithParameters.get(context.name)?.line
      const other = line === undefined ? 'another layer' : `the layer of line ${line}`
      context.fail('duplicate-layer', `${other} has the same name, and both have parameters`, 'name')
    }
    this.layersWithParameters.set(context.name, context.layer.text?.at)
  }

  private lossWeights(context: LayerContext, rule: Rule, tops: number): number[] {
    const written = context.layer.loss_weight ?? []
    if (written.length > 0) {
      if (written.length !== tops) {
        context.fail(
          'bad-value',
          `${written.length} 'loss_weight' for ${tops} tops: give one per top`,
          'loss_weight',
        )
      }
      return written
    }
    return Array.from({ length: tops }, (_, i) => (rule.loss === true && i === 0 ? 1 : 0))
  }

  private propagateDown(context: LayerContext, bottoms: number): boolean[] {
    const written = context.layer.propagate_down ?? []
    if (written.length !== 0 && written.length !== bottoms) {
      const message = `${written.length} 'propagate_down' for ${bottoms} bottoms: give one per bottom`
      context.fail('bad-value', message, 'propagate_down')
    }
    return written
  }
}

/** Builds one phase of a net of any age (see upgradeNet). `source` stays as it is.
 *  Throws AppError with file, line and column: 'unknown-layer', 'dangling-bottom', 'unordered-net', 'cyclic-net',
 *  'duplicate-top', 'in-place', 'shape-mismatch', 'unknown-data-shape' and others. */
export function buildGraph(source: NetMessage, options: BuildOptions): NetGraph {
  const net = upgradeNet(source)
  const state = {
    phase: options.phase,
    level: options.level ?? net.state?.level ?? 0,
    stages: options.stages ?? net.state?.stage ?? [],
  }
  const layers = (net.layer ?? []).filter((layer) => isIncluded(layer, state))
  if (layers.length === 0) {
    const { file, line, column } = net.text?.at ?? {}
    throw new AppError('empty-net', `this net has no layers in phase ${options.phase}`, {
      file,
      line,
      column,
    })
  }
  const builder = new GraphBuilder(layers, options)
  layers.forEach((layer, index) => builder.add(layer, index))
  resolveSharing(builder.built)
  return {
    name: net.name ?? '',
    phase: options.phase,
    force_backward: net.force_backward ?? false,
    layers: builder.built.map(({ layer }) => layer),
  }
}
