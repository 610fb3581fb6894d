// What the engine process can do, over the addon: one object per process.

import { releaseWeights } from '../caffe/caffemodel'
import { AppError } from '../net/errors'
import { ensureSample } from '../projects/samples'
import type { ModelReport } from '../projects/types'
import { exportOnnx, type ExportReport } from '../runs/exportRun'
import { importModel } from '../runs/openModel'
import { RunFolder } from '../runs/RunFolder'
import { runCompression } from '../runs/runner'
import type { ModelSource, RunEvent } from '../runs/types'
import { loadAddon } from './addon'
import type { EngineAddon, SystemInfo } from './binding'
import { modelReport } from '../projects/modelReport'
import type { EngineFolders, RunAddress, RunOutcome } from './protocol'

export type Progress = (text: string) => void

export class EngineServices {
  private loaded: EngineAddon | null = null
  private stopper: AbortController | null = null
  private running: Promise<RunOutcome> | null = null

  constructor(
    private readonly folders: EngineFolders,
    private readonly onRunEvent: (address: RunAddress, event: RunEvent) => void,
  ) {}

  /** Loaded at first use: a missing addon is an answer to a request, not the end of the process. */
  private get addon(): EngineAddon {
    return (this.loaded ??= loadAddon())
  }

  async systemInfo(): Promise<SystemInfo> {
    return this.addon.systemInfo()
  }

  async ensureSample(sample: string, onProgress: Progress): Promise<string> {
    const { resources, data } = this.folders
    return ensureSample(sample, {
      addon: this.addon,
      resourcesFolder: resources,
      dataFolder: data,
      onProgress,
    })
  }

  async inspectModel(source: ModelSource, onProgress: Progress): Promise<ModelReport> {
    const cacheFolder = this.folders.cache
    const model = await importModel(source, { addon: this.addon, cacheFolder, onProgress })
    try {
      return await modelReport(source, model)
    } finally {
      if (model.weights !== null) releaseWeights(model.weights)
    }
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
    }
  }

  private async runUntilEnd(address: RunAddress, signal: AbortSignal): Promise<RunOutcome> {
    const folder = await RunFolder.open(address.runFolder)
    const deps = { addon: this.addon, cacheFolder: this.folders.cache, signal }
    return { result: await runCompression(folder, deps, (event) => this.onRunEvent(address, event)) }
  }

  /** Resolves when the run has written its checkpoint and ended; at once where none is running. */
  async stopRun(state: 'paused' | 'stopped'): Promise<void> {
    this.stopper?.abort(state)
    // A run that fails tells so in the answer to its own request.
    await this.running?.catch(() => undefined)
  }

  exportRun(runFolder: string, file: string, onProgress: Progress): Promise<ExportReport> {
    return exportOnnx(runFolder, file, { addon: this.addon, cacheFolder: this.folders.cache, onProgress })
  }
}
