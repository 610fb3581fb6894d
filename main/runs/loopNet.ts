// What the compression loop needs to know of an opened model.

import type { Session } from '../engine/binding'
import { AppError } from '../net/errors'
import { isPrunable, type LayerOf, type NetGraph } from '../net/graph'
import type { LoopNet } from '../olmp/compress'
import type { NetOutput } from '../olmp/logLines'
import type { OpenedModel } from './openModel'

export function loopNet({ train, test, session, testIterations, testImages }: OpenedModel): LoopNet {
  if (train === null || test === null) {
    throw new AppError('no-train-net', 'a compression needs the nets of both phases', {
      hint: 'open the model with both',
    })
  }
  return {
    prunable: prunableLayers(train, session),
    trainOutputs: session.trainOutputs.map((name) => netOutput(train, name)),
    trainAccuracy: accuracyOutput(train, session.trainOutputs),
    ...testNet(test, session),
    testIterations,
    testImages,
  }
}

/** How to read the outputs of the session's test net. */
export function testNet(
  test: NetGraph,
  session: Session,
): Pick<LoopNet, 'testOutputs' | 'testAccuracy' | 'testLoss'> {
  return {
    testOutputs: session.testOutputs.map((name) => netOutput(test, name)),
    testAccuracy: accuracyOutput(test, session.testOutputs),
    testLoss: lossOutput(test, session.testOutputs),
  }
}

function prunableLayers(graph: NetGraph, session: Session): LoopNet['prunable'] {
  return session.prunableLayers.map((name) => {
    const layer = graph.layers.filter(isPrunable).find((candidate) => candidate.name === name)
    // A layer of the TEST net alone is not trained; its gamma does not matter.
    return { name, type: layer?.type ?? 'InnerProduct' }
  })
}

function netOutput(graph: NetGraph, name: string): NetOutput {
  const layer = graph.layers.findLast((candidate) => candidate.tops.includes(name))
  return { name, lossWeight: layer?.loss_weights[layer.tops.indexOf(name)] ?? 0 }
}

/** Position of the accuracy among a net's outputs, by the engine's own rule: the last one with the smallest top_k, since
 *  nets with auxiliary classifiers put the main one last. -1 where there is none. */
export function accuracyOutput(graph: NetGraph, outputs: string[]): number {
  let chosen: LayerOf<'Accuracy'> | null = null
  for (const layer of graph.layers) {
    if (layer.type !== 'Accuracy') continue
    if (chosen === null || layer.params.top_k <= chosen.params.top_k) chosen = layer
  }
  return chosen === null ? -1 : outputs.indexOf(chosen.tops[0])
}

/** Position of the loss with the largest weight; the last of equals. */
export function lossOutput(graph: NetGraph, outputs: string[]): number {
  let best = -1
  let weight = 0
  outputs.forEach((name, index) => {
    const own = Math.abs(netOutput(graph, name).lossWeight)
    if (own > 0 && own >= weight) {
      best = index
      weight = own
    }
  })
  return best
}
