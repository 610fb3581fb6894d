// How long onnxruntime takes for one image.

import { count } from '../net/graph'
import { quantile } from './predict'
import { OnnxRuntime } from './runtime'
import type { TryNet } from './tryTypes'

const warmUp = { repetitions: 20, budgetMs: 500 }
const measured = { repetitions: 500, budgetMs: 3000 }

/** On one thread, milliseconds; the first runs, in which onnxruntime allocates, are not counted. */
export async function measureLatency(
  file: string,
  { input, inputShape }: TryNet,
  signal?: AbortSignal,
): Promise<{ medianMs: number; lowMs: number; highMs: number; repetitions: number }> {
  const runtime = await OnnxRuntime.load(file)
  try {
    // Pixels differ, so that no value has an easy time.
    const values = Float32Array.from({ length: count(inputShape) }, (_, i) => (i * 37) % 256)
    const inputs = { [input]: { shape: [1, ...inputShape], values } }
    await runtime.time(inputs, { ...warmUp, signal })
    const times = await runtime.time(inputs, { ...measured, signal })
    return {
      medianMs: quantile(times, 0.5),
      lowMs: quantile(times, 0.1),
      highMs: quantile(times, 0.9),
      repetitions: times.length,
    }
  } finally {
    await runtime.dispose()
  }
}
