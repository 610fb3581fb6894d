// How long onnxruntime takes for one image.

import { count, type Shape } from '../net/graph'
import { quantile } from './predict'
import { OnnxRuntime } from './runtime'

const warmUp = { repetitions: 20, budgetMs: 500 }
const measured = { repetitions: 500, budgetMs: 3000 }
/** Models take turns, so that what else the machine does meets all of them. */
const TURNS = 10

export interface Times {
  medianMs: number
  /** 10th and 90th percentile. */
  lowMs: number
  highMs: number
  repetitions: number
}

export interface TimedInput {
  input: string
  /** Of one item. */
  inputShape: Shape
}

/** On one thread, milliseconds; the first runs, in which onnxruntime allocates, are not counted. */
export async function measureLatency(file: string, net: TimedInput, signal?: AbortSignal): Promise<Times> {
  const [times] = await measureLatencies([file], net, signal)
  return times
}

/** The same for models of the same input, beside one another. */
export async function measureLatencies(
  files: string[],
  { input, inputShape }: TimedInput,
  signal?: AbortSignal,
): Promise<Times[]> {
  // Pixels differ, so that no value has an easy time.
  const values = Float32Array.from({ length: count(inputShape) }, (_, i) => (i * 37) % 256)
  const inputs = { [input]: { shape: [1, ...inputShape], values } }
  const runtimes: OnnxRuntime[] = []
  try {
    for (const file of files) runtimes.push(await OnnxRuntime.load(file))
    for (const runtime of runtimes) await runtime.time(inputs, { ...warmUp, signal })
    const times = runtimes.map((): number[] => [])
    const turn = { repetitions: measured.repetitions / TURNS, budgetMs: measured.budgetMs / TURNS, signal }
    for (let i = 0; i < TURNS; i++) {
      for (const [r, runtime] of runtimes.entries()) times[r].push(...(await runtime.time(inputs, turn)))
    }
    return times.map((own) => ({
      medianMs: quantile(own, 0.5),
      lowMs: quantile(own, 0.1),
      highMs: quantile(own, 0.9),
      repetitions: own.length,
    }))
  } finally {
    for (const runtime of runtimes) await runtime.dispose()
  }
}
