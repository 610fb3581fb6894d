// What the engine process holds for its jobs: the addon, the folders, and the one run that may be under way.

import { AppError } from '../net/errors'
import { LoadedModels } from '../onnx/predict'
import { RunFolder } from '../runs/RunFolder'
import { runCompression } from '../runs/runner'
import type { RunEvent } from '../runs/types'
import { loadAddon } from './addon'
import type { EngineAddon } from './binding'
import type { EngineFolders, RunAddress, RunOutcome } from './protocol'

export interface RunEventSink {
  add(address: RunAddress, event: RunEvent): void
  /** Sends what is still gathered. */
  flush(): void
}

export class EngineServices {
  /** Exported models being tried out. */
  readonly models = new LoadedModels()
  private loaded: EngineAddon | null = null
  private stopper: AbortController | null = null
  private running: Promise<RunOutcome> | null = null

  constructor(
    readonly folders: EngineFolders,
    private readonly runEvents: RunEventSink,
  ) {}

  /** Loaded at first use: a missing addon is an answer to a request, not the end of the process. */
  get addon(): EngineAddon {
    return (this.loaded ??= loadAddon())
  }

  /** Jobs beside a run leave it its threads. */
  get isRunUnderWay(): boolean {
    return this.stopper !== null
  }

  async run(address: RunAddress): Promise<RunOutcome> {
    if (this.stopper !== null) {
      throw new AppError('engine-busy', 'Another run is using the engine.', { file: address.runFolder })
    }
    const stopper = new AbortController()
    this.stopper = stopper
    this.running = this.runUntilEnd(address, stopper.signal)
    try {
      return await this.running
    } finally {
      this.stopper = null
      this.running = null
      this.runEvents.flush()
    }
  }

  private async runUntilEnd(address: RunAddress, signal: AbortSignal): Promise<RunOutcome> {
    const folder = await RunFolder.open(address.runFolder)
    const deps = { addon: this.addon, cacheFolder: this.folders.cache, signal }
    return { result: await runCompression(folder, deps, (event) => this.runEvents.add(address, event)) }
  }

  /** Resolves when the run has written its checkpoint and ended; at once where none is running. */
  async stopRun(state: 'paused' | 'stopped'): Promise<void> {
    this.stopper?.abort(state)
    // A run that fails tells so in the answer to its own request.
    await this.running?.catch(() => undefined)
  }
}
