// Biases for layers that have none, so that what constant channels add has a place to go; those that stay 0 are taken away
// again.

import { isPrunable, type Layer, type NetGraph, type Parameter } from '../graph'

export interface BiasedNet {
  graph: NetGraph
  isAdded(layer: string, slot: number): boolean
}

export function withBiases(graph: NetGraph): BiasedNet {
  const added = new Set<string>()
  const layers = graph.layers.map((layer): Layer => {
    if (!isPrunable(layer) || layer.params.bias_term || layer.params.axis !== 1) return layer
    // one that shares its weights, or has several bottoms, is left as it is
    if (layer.bottoms.length > 1 || layer.parameters.some(({ name }) => name !== '')) return layer
    added.add(layer.name)
    const parameters = [...layer.parameters, bias(layer.parameters[0], layer.params.num_output)]
    return layer.type === 'Convolution'
      ? { ...layer, parameters, params: { ...layer.params, bias_term: true } }
      : { ...layer, parameters, params: { ...layer.params, bias_term: true } }
  })
  return { graph: { ...graph, layers }, isAdded: (layer, slot) => slot === 1 && added.has(layer) }
}

export function withoutBias(layer: Layer): Layer {
  if (!isPrunable(layer)) return layer
  const parameters = layer.parameters.slice(0, 1)
  return layer.type === 'Convolution'
    ? { ...layer, parameters, params: { ...layer.params, bias_term: false } }
    : { ...layer, parameters, params: { ...layer.params, bias_term: false } }
}

function bias({ lr_mult, filler }: Parameter, outputs: number): Parameter {
  return { name: '', shape: [outputs], lr_mult, decay_mult: 0, filler }
}
