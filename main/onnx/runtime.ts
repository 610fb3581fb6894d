// onnxruntime, set up so that the same file and input give the same bits on every call.

import { createRequire } from 'node:module'
import type * as Ort from 'onnxruntime-node'
import { AppError } from '../net/errors'
import type { Shape } from '../net/graph'

// The package is CommonJS around a native library: it is loaded when first needed, so that a missing library is one
// error of one export and not of the whole program.
const load = createRequire(import.meta.url)

export interface OnnxTensor {
  shape: Shape
  values: Float32Array
}

export class OnnxRuntime {
  private constructor(
    private readonly ort: typeof Ort,
    private readonly session: Ort.InferenceSession,
    private readonly file: string | undefined,
  ) {}

  static async load(model: string | Uint8Array, threads = 1): Promise<OnnxRuntime> {
    const file = typeof model === 'string' ? model : undefined
    const ort = loadOrt()
    const options: Ort.InferenceSession.SessionOptions = {
      executionProviders: ['cpu'],
      intraOpNumThreads: threads,
      interOpNumThreads: 1,
      executionMode: 'sequential',
      logSeverityLevel: 3,
    }
    try {
      const session =
        typeof model === 'string'
          ? await ort.InferenceSession.create(model, options)
          : await ort.InferenceSession.create(model, options)
      return new OnnxRuntime(ort, session, file)
    } catch (cause) {
      throw runtimeError(cause, 'does not load the model', file)
    }
  }

  get inputNames(): readonly string[] {
    return this.session.inputNames
  }

  get outputNames(): readonly string[] {
    return this.session.outputNames
  }

  async run(inputs: Record<string, OnnxTensor>): Promise<Record<string, OnnxTensor>> {
    const results = await this.runFeeds(this.feeds(inputs))
    const outputs: Record<string, OnnxTensor> = {}
    for (const [name, tensor] of Object.entries(results)) {
      if (tensor.data instanceof Float32Array)
        outputs[name] = { shape: [...tensor.dims], values: tensor.data }
    }
    return outputs
  }

  /** Milliseconds of single runs, tensors made beforehand: as many as `repetitions`, fewer where `budgetMs` is over. */
  async time(
    inputs: Record<string, OnnxTensor>,
    { repetitions, budgetMs, signal }: { repetitions: number; budgetMs: number; signal?: AbortSignal },
  ): Promise<number[]> {
    const feeds = this.feeds(inputs)
    const times: number[] = []
    const end = performance.now() + budgetMs
    while (times.length < repetitions && (times.length === 0 || performance.now() < end)) {
      signal?.throwIfAborted()
      const begun = performance.now()
      await this.runFeeds(feeds)
      times.push(performance.now() - begun)
    }
    return times
  }

  private feeds(inputs: Record<string, OnnxTensor>): Record<string, Ort.Tensor> {
    const entries = Object.entries(inputs).map(([name, { shape, values }]): [string, Ort.Tensor] => [
      name,
      new this.ort.Tensor('float32', values, shape),
    ])
    return Object.fromEntries(entries)
  }

  private async runFeeds(feeds: Record<string, Ort.Tensor>): Promise<Ort.InferenceSession.ReturnType> {
    try {
      return await this.session.run(feeds)
    } catch (cause) {
      throw runtimeError(cause, 'does not run the model', this.file)
    }
  }

  async dispose(): Promise<void> {
    await this.session.release()
  }
}

function loadOrt(): typeof Ort {
  // Since 1.29 it tells Microsoft of every session and keeps an identifier of the machine in the user's cache folder;
  // only this variable, set before it is loaded, ends all of that (microsoft/onnxruntime pull request 27379).
  process.env.ORT_DISABLE_TELEMETRY = '1'
  try {
    return load('onnxruntime-node') as typeof Ort
  } catch (cause) {
    throw new AppError('onnxruntime-missing', 'onnxruntime could not be loaded', {
      hint: 'install the program again; its native library is missing or made for another platform',
      cause,
    })
  }
}

function runtimeError(cause: unknown, what: string, file: string | undefined): AppError {
  const reason = cause instanceof Error ? cause.message : String(cause)
  return new AppError('onnxruntime-failed', `onnxruntime ${what}: ${reason}`, {
    file,
    hint: 'report this net: the export made a model the runtime refuses',
    cause,
  })
}
