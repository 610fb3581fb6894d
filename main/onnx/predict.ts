// Single images through exported models.

import { stat } from 'node:fs/promises'

import { count, type Shape } from '../net/graph'
import { OnnxRuntime, type OnnxTensor } from './runtime'
import type { OutputPrediction, Prediction } from './tryTypes'

const topClasses = 5
const timing = { repetitions: 9, budgetMs: 30 }

/** Models loaded in onnxruntime, the last used few; a file written anew is loaded anew. */
export class LoadedModels {
  private readonly loaded = new Map<string, { version: string; runtime: Promise<OnnxRuntime> }>()

  constructor(private readonly capacity = 3) {}

  async get(file: string): Promise<OnnxRuntime> {
    const { size, mtimeMs } = await stat(file)
    const version = `${size} ${mtimeMs}`
    const known = this.loaded.get(file)
    if (known?.version === version) {
      // the last in the map is the last used
      this.loaded.delete(file)
      this.loaded.set(file, known)
      return known.runtime
    }
    if (known !== undefined) this.drop(file)
    const runtime = OnnxRuntime.load(file)
    this.loaded.set(file, { version, runtime })
    runtime.catch(() => this.loaded.delete(file))
    for (const oldest of [...this.loaded.keys()].slice(0, -this.capacity)) this.drop(oldest)
    return runtime
  }

  /** Not released here: a prediction may be using it. The runtime's own finalizer does. */
  private drop(file: string): void {
    this.loaded.delete(file)
  }
}

/** `values` as the model's input takes them, without the batch axis. */
export async function predict(
  runtime: OnnxRuntime,
  input: string,
  shape: Shape,
  values: Float32Array,
): Promise<Prediction> {
  const inputs = { [input]: { shape: [1, ...shape], values } }
  const outputs = await runtime.run(inputs)
  const times = await runtime.time(inputs, timing)
  return {
    outputs: Object.entries(outputs).map(([name, tensor]) => describeOutput(name, tensor)),
    latencyMs: median(times),
    repetitions: times.length,
  }
}

function describeOutput(name: string, { shape, values }: OnnxTensor): OutputPrediction {
  const classes = shape[1] ?? 0
  if (shape.length >= 2 && classes > 1 && count(shape) === classes) {
    const top = [...values.keys()]
      .sort((a, b) => values[b] - values[a] || a - b)
      .slice(0, topClasses)
      .map((label) => ({ label, value: values[label] }))
    return { name, kind: 'classes', probabilities: areProbabilities(values), top }
  }
  const sum = values.reduce((total, value) => total + value, 0)
  const least = values.reduce((a, b) => Math.min(a, b), Infinity)
  const greatest = values.reduce((a, b) => Math.max(a, b), -Infinity)
  return { name, kind: 'values', shape, least, greatest, mean: sum / values.length }
}

/** What a Softmax gives; scores of another kind hardly sum to one. */
function areProbabilities(values: Float32Array): boolean {
  const sum = values.reduce((total, value) => total + value, 0)
  return values.every((value) => value >= 0 && value <= 1) && Math.abs(sum - 1) < 1e-3
}

export function median(values: number[]): number {
  return quantile(values, 0.5)
}

/** Of a sample, by linear interpolation. */
export function quantile(values: number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  const at = share * (sorted.length - 1)
  const below = sorted[Math.floor(at)]
  const above = sorted[Math.ceil(at)]
  return below + (above - below) * (at - Math.floor(at))
}
