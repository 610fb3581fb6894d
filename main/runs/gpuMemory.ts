// What a run has to say of a GPU's memory before it begins.

import type { BatchParts, MemoryEstimate } from '../engine/binding'
import type { NetGraph } from '../net/graph'
import type { LogLevel } from './types'

interface Opened {
  memory: MemoryEstimate | null
  train: NetGraph | null
  test: NetGraph | null
  session: { batchParts: BatchParts }
}

export interface MemoryLine {
  level: LogLevel
  text: string
}

/** `batchOf`: images of a batch of the graph. */
export function memoryLines(
  { memory, train, test, session }: Opened,
  batchOf: (graph: NetGraph) => number,
): MemoryLine[] {
  if (memory === null) return []
  const { neededBytes, freeBytes, totalBytes } = memory
  const lines: MemoryLine[] = [
    {
      level: 'info',
      text: `GPU memory: about ${gigabytes(neededBytes)} needed, ${gigabytes(freeBytes)} of ${gigabytes(totalBytes)} free`,
    },
  ]
  const phases: [string, NetGraph | null, number][] = [
    ['training', train, session.batchParts.train],
    ['test', test, session.batchParts.test],
  ]
  for (const [phase, graph, parts] of phases) {
    if (graph === null || parts === 1) continue
    const batch = batchOf(graph)
    const how = phase === 'training' ? 'with accumulated gradients' : 'one after the other'
    lines.push({
      level: 'warning',
      text: `A ${phase} batch of ${batch} images does not fit: it is computed in ${parts} parts of ${batch / parts}, ${how}`,
    })
  }
  return lines
}

function gigabytes(bytes: number): string {
  return `${(bytes / 1e9).toFixed(1)} GB`
}
