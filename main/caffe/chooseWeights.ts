// Which of several caffemodels belongs to a net: by the layers and shapes they share, then by what they hold.

import { closeSync, openSync, readSync } from 'node:fs'
import { basename } from 'node:path'
import { AppError } from '../net/errors'
import { count, type NetGraph, type Shape } from '../net/graph'
import { readWeights, releaseWeights } from './caffemodel'
import type { FileChoice, Note, ReadOptions, WeightBlob, WeightFile } from './model'
import { parametersOf, shapesMatch } from './weights'

interface Candidate {
  weights: WeightFile
  /** Parameters of the net that the file has, of the right shape. */
  matched: number
  total: number
  /** Layers of other shapes, with the first blob that differs. */
  mismatched: string[]
  masked: boolean
  zeroFraction: number
  iteration: number
}

const sampledValues = 1 << 16
// trained weights are hardly ever exactly zero
const prunedFraction = 0.2

/** Fraction of exact zeros in the first values of a blob. */
function zeroFraction(blob: WeightBlob): number {
  const size = blob.type === 'float32' ? 4 : 8
  const buffer = Buffer.alloc(Math.min(blob.count, sampledValues) * size)
  const descriptor = openSync(blob.file, 'r')
  try {
    const values = Math.floor(readSync(descriptor, buffer, 0, buffer.length, blob.offsetBytes) / size)
    let zeros = 0
    for (let i = 0; i < values; i++) {
      const value = size === 4 ? buffer.readFloatLE(i * size) : buffer.readDoubleLE(i * size)
      if (value === 0) zeros++
    }
    return values === 0 ? 0 : zeros / values
  } finally {
    closeSync(descriptor)
  }
}

/** 5000 of `lenet_iter_5000.caffemodel`; -1 where there is none. */
export function iterationOf(file: string): number {
  const match = /iter_(\d+)/.exec(basename(file))
  return match === null ? -1 : Number(match[1])
}

async function assess(weights: WeightFile, graphFor: GraphFor): Promise<Candidate> {
  const graph = await graphFor(weights)
  const parameters = graph === null ? [] : parametersOf([graph])
  const layers = new Map(weights.layers.map((layer) => [layer.name, layer]))
  let matched = 0
  const mismatched = new Map<string, string>()
  for (const { layer, slot, shape } of parameters) {
    const blob = layers.get(layer)?.blobs[slot]
    if (blob === undefined) continue
    if (shapesMatch(blob, shape)) matched += count(shape)
    else if (!mismatched.has(layer)) {
      mismatched.set(layer, `${layer} (blob ${slot} is ${text(blob.shape)}, the net needs ${text(shape)})`)
    }
  }
  const largest = weights.layers
    .flatMap(({ blobs }) => blobs.slice(0, 1))
    .sort((a, b) => b.count - a.count)[0]
  return {
    weights,
    matched,
    total: parameters.reduce((sum, { shape }) => sum + count(shape), 0),
    mismatched: [...mismatched.values()],
    masked: weights.layers.some(({ blobs }) => blobs.length === 4 && blobs[0].count === blobs[2].count),
    zeroFraction: largest === undefined ? 0 : zeroFraction(largest),
    iteration: iterationOf(weights.file),
  }
}

function text(shape: Shape): string {
  return `(${shape.join(', ')})`
}

function reason(candidate: Candidate): string {
  const { matched, total, mismatched, masked, iteration } = candidate
  const parts = [total === 0 ? 'no net to compare with' : `${matched} of the net's ${total} parameters`]
  if (mismatched.length > 0) parts.push(`other shapes in ${mismatched.join(', ')}`)
  if (masked) parts.push('holds masks')
  if (candidate.zeroFraction > prunedFraction)
    parts.push(`${Math.round(100 * candidate.zeroFraction)}% zeros: already pruned`)
  if (iteration >= 0) parts.push(`iteration ${iteration}`)
  return parts.join('; ')
}

function isPruned(candidate: Candidate): boolean {
  return candidate.masked || candidate.zeroFraction > prunedFraction
}

/** Best first: fewest wrong shapes, most parameters, not yet pruned, latest iteration. */
function compare(a: Candidate, b: Candidate): number {
  return (
    a.mismatched.length - b.mismatched.length ||
    b.matched - a.matched ||
    Number(isPruned(a)) - Number(isPruned(b)) ||
    b.iteration - a.iteration ||
    a.weights.file.localeCompare(b.weights.file)
  )
}

/** The net as these weights would have it (they may tell the shape of the data), or null where it cannot be built. */
export type GraphFor = (weights: WeightFile) => Promise<NetGraph | null>

export interface WeightChoice {
  weights: WeightFile | null
  choice: FileChoice
  notes: Note[]
}

/** Reads every file's index and chooses. Files that cannot be read, or that share nothing with the net, are candidates
 *  with that reason, but never chosen. What was unpacked for the others is removed. */
export async function chooseWeights(
  files: string[],
  graphFor: GraphFor,
  options: ReadOptions,
): Promise<WeightChoice> {
  const candidates: Candidate[] = []
  const choice: FileChoice = { chosen: null, candidates: [] }
  const notes: Note[] = []
  for (const file of files) {
    try {
      candidates.push(await assess(await readWeights(file, options), graphFor))
    } catch (error) {
      if (!(error instanceof AppError)) throw error
      choice.candidates.push({ file, reason: error.message })
      notes.push({ level: 'warning', message: `not used: ${error.message}`, file })
    }
  }
  candidates.sort(compare)
  const best = candidates.find(
    ({ matched, total, mismatched }) => total === 0 || (matched > 0 && mismatched.length === 0),
  )
  for (const candidate of candidates) {
    if (candidate !== best) releaseWeights(candidate.weights)
  }
  choice.chosen = best?.weights.file ?? null
  choice.candidates.unshift(...candidates.map((c) => ({ file: c.weights.file, reason: reason(c) })))
  if (best === undefined && candidates.length > 0) {
    const message = `none of the ${candidates.length} weight files fits the net: ${choice.candidates[0].reason}`
    notes.push({ level: 'warning', message, file: choice.candidates[0].file })
  }
  if (best !== undefined && isPruned(best)) {
    notes.push({
      level: 'info',
      message: `these weights are pruned already: ${reason(best)}`,
      file: best.weights.file,
    })
  }
  return { weights: best?.weights ?? null, choice, notes }
}
