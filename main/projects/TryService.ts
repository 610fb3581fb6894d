// Trying models out: what the project's models take, single images, and both models over the whole test set, kept beside
// the exported model.

import { readFile, stat } from 'node:fs/promises'
import path from 'node:path'

import type { EngineProcess } from '../engine/EngineProcess'
import { AppError } from '../net/errors'
import type { ClassAccuracy, Thumbnail, TryAnswer, TryImage, TryNet } from '../onnx/tryTypes'
import { replaceFile } from '../runs/durable'
import { exportsFolder, readModel } from '../runs/exportList'
import type { CancellableJobs } from './CancellableJobs'
import type { ProjectStore } from './ProjectStore'

export interface TriedModel {
  projectId: string
  runId: string
  modelId: string
}

export interface TryServiceOptions {
  engine: Pick<EngineProcess, 'request'>
  store: Pick<ProjectStore, 'open' | 'folderOf' | 'runFolderOf'>
  jobs: CancellableJobs
}

/** classes.json: for which files it holds. */
interface KnownClasses {
  formatVersion: 1
  original: string
  pruned: string
  dataset: string
  result: ClassAccuracy
}

const knownFile = 'classes.json'

export class TryService {
  private readonly nets = new Map<string, { source: string; net: Promise<TryNet> }>()

  constructor(private readonly options: TryServiceOptions) {}

  /** Read once for a source: a remapped dataset is another one. */
  async net(projectId: string): Promise<TryNet> {
    const { report } = await this.options.store.open(projectId)
    const source = JSON.stringify(report.source)
    const known = this.nets.get(projectId)
    if (known?.source === source) return known.net
    const net = this.options.engine.request('tryNet', { source: report.source })
    this.nets.set(projectId, { source, net })
    net.catch(() => this.nets.delete(projectId))
    return net
  }

  async image(projectId: string, index: number): Promise<TryImage> {
    return this.options.engine.request('testImage', { net: await this.net(projectId), index })
  }

  async thumbnails(projectId: string, indices: number[]): Promise<Thumbnail[]> {
    return this.options.engine.request('thumbnails', { net: await this.net(projectId), indices })
  }

  async predict(
    projectId: string,
    pixels: Float32Array,
    model: { runId?: string; modelId?: string },
  ): Promise<TryAnswer> {
    const net = await this.net(projectId)
    const expected = net.inputShape.reduce((product, size) => product * size, 1)
    if (pixels.length !== expected) {
      throw new AppError('image-size', `The net takes ${expected} values, the image has ${pixels.length}.`)
    }
    const { runId, modelId } = model
    const pruned =
      runId === undefined || modelId === undefined
        ? null
        : await this.onnxFile(this.modelFolder({ projectId, runId, modelId }))
    const original = await this.onnxFile(this.referenceFolder(projectId))
    return this.options.engine.request('predict', { net, pixels, original, pruned })
  }

  /** What was measured before, for the same files. */
  async knownClasses(model: TriedModel): Promise<ClassAccuracy | null> {
    const { key, folder } = await this.comparison(model)
    try {
      const known = JSON.parse(await readFile(path.join(folder, knownFile), 'utf8')) as KnownClasses
      const same = known.formatVersion === 1 && known.original === key.original && known.pruned === key.pruned
      return same && known.dataset === key.dataset ? known.result : null
    } catch {
      return null
    }
  }

  async classAccuracy(model: TriedModel, job: string): Promise<ClassAccuracy> {
    const { original, pruned, key, folder, net } = await this.comparison(model)
    const result = await this.options.jobs.run(job, (tell, signal) =>
      this.options.engine.request('classAccuracy', { net, original, pruned }, tell, signal),
    )
    const content: KnownClasses = { formatVersion: 1, ...key, result }
    await replaceFile(path.join(folder, knownFile), JSON.stringify(content))
    return result
  }

  private async comparison(model: TriedModel) {
    const folder = this.modelFolder(model)
    const net = await this.net(model.projectId)
    const original = await this.onnxFile(this.referenceFolder(model.projectId))
    const pruned = await this.onnxFile(folder)
    const key = {
      original: await version(original),
      pruned: await version(pruned),
      dataset: `${net.dataset?.folder ?? ''} ${net.dataset?.entries ?? 0}`,
    }
    return { folder, net, original, pruned, key }
  }

  /** Throws AppError 'not-exported'. */
  private async onnxFile(modelFolder: string): Promise<string> {
    const model = await readModel(modelFolder)
    if (model !== null && model.opset !== null) return model.file
    throw new AppError('not-exported', 'The model has not been exported as ONNX yet.', {
      file: modelFolder,
      hint: 'Prepare the models first.',
    })
  }

  private modelFolder({ projectId, runId, modelId }: TriedModel): string {
    return path.join(exportsFolder(this.options.store.runFolderOf(projectId, runId)), modelId)
  }

  private referenceFolder(projectId: string): string {
    return path.join(this.options.store.folderOf(projectId), 'reference')
  }
}

/** Changes when the file does. */
async function version(file: string): Promise<string> {
  const { size, mtimeMs } = await stat(file)
  return `${size} ${Math.round(mtimeMs)}`
}
