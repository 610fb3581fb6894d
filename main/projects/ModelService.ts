// The models of a project: its reference as ONNX, its runs' checkpoints, what was exported from them.

import { mkdir, rm, stat } from 'node:fs/promises'
import path from 'node:path'

import type { EngineProcess } from '../engine/EngineProcess'
import { AppError, toErrorRecord } from '../net/errors'
import { gzipSize } from '../onnx/gzipSize'
import { readAnnotation } from '../runs/annotation'
import { describeCheckpoints } from '../runs/checkpointList'
import { frontName, readFront } from '../runs/front'
import { isMissing } from '../runs/durable'
import { exportsFolder, listExports, newModelId, readModel, writeModel } from '../runs/exportList'
import type {
  CheckpointInfo,
  ExportedModel,
  ExportFacts,
  ExportFormat,
  Latency,
  ModelOrigin,
  ReferenceModel,
} from '../runs/models'
import { promote, unpromote } from '../runs/promotion'
import { RunFolder } from '../runs/RunFolder'
import type { CancellableJobs } from './CancellableJobs'
import type { ListedModel, ProjectModels, RunModels } from './modelTypes'
import type { ProjectStore } from './ProjectStore'
import type { RunAddress } from './runAddress'
import type { Trash } from './Trash'
import type { TryService } from './TryService'

/** Without `runId`: the project's reference model. */
export interface ModelAddress {
  projectId: string
  runId?: string
  modelId: string
}

export interface ExportWish extends RunAddress {
  checkpoint?: string
  /** Instead: the net that the run kept at this iteration. */
  front?: number
  format: ExportFormat
  job: string
  /** Title of a save dialog; absent: into the run's own folder. */
  saveTitle?: string
}

export interface ModelServiceOptions {
  engine: Pick<EngineProcess, 'request'>
  store: Pick<ProjectStore, 'folder' | 'open' | 'folderOf' | 'runsFolderOf' | 'runFolderOf'>
  trash: Pick<Trash, 'put'>
  jobs: CancellableJobs
  tries: Pick<TryService, 'net'>
  events: { send(name: 'models:changed', payload: { projectId: string }): void }
  /** A save dialog; null where it was cancelled. */
  chooseSaveFile(options: { title: string; name: string; extension: string }): Promise<string | null>
  reveal(file: string): void
}

const referenceId = 'reference'

export class ModelService {
  constructor(private readonly options: ModelServiceOptions) {}

  async list(projectId: string): Promise<ProjectModels> {
    const { store } = this.options
    const { report, referenceAccuracy } = await store.open(projectId)
    const listed = await RunFolder.list(store.runsFolderOf(projectId))
    const runs = listed.flatMap((entry) => ('run' in entry ? [entry.run] : [])).reverse()
    const unreadable = listed.flatMap((entry) => ('error' in entry ? [entry.error] : []))
    const described = await Promise.all(runs.map((run) => this.describeRun(run)))
    const reference = await this.readReference(projectId).catch((error: unknown) => {
      unreadable.push(toErrorRecord(error))
      return null
    })
    const weights = report.files.find(({ role }) => role === 'weights')?.chosen ?? null
    return {
      reference,
      caffemodel:
        weights === null || report.weightsBytes === null
          ? null
          : { file: weights, bytes: report.weightsBytes },
      parameters: report.parameters,
      prunableParameters: report.prunableParameters,
      referenceAccuracy,
      runs: described
        .map(({ models }) => models)
        .filter(({ checkpoints, exports }) => checkpoints.length + exports.length > 0),
      unreadable: [...unreadable, ...described.flatMap((entry) => entry.unreadable)],
    }
  }

  async ofRun(address: RunAddress): Promise<RunModels> {
    return (await this.describeRun(await this.openRun(address))).models
  }

  /** null where the save dialog was cancelled. */
  async export(wish: ExportWish): Promise<ExportedModel | null> {
    const run = await this.openRun(wish)
    const project = await this.options.store.open(wish.projectId)
    const id = newModelId(wish.format)
    const folder = path.join(exportsFolder(run.path), id)
    const name = fileName(project.name, wish.format)
    const file = await this.destination(wish, folder, name)
    if (file === null) return null
    const { checkpoint, front } = wish
    const origin: ModelOrigin =
      front === undefined
        ? { kind: 'checkpoint', runFolder: run.path, checkpoint }
        : { kind: 'front', runFolder: run.path, iteration: front }
    const model = await this.write(wish.job, folder, id, origin, wish.format, file)
    this.changed(wish.projectId)
    return model
  }

  /** The reference as ONNX, verified; made once. */
  async prepareReference(projectId: string, job: string): Promise<ReferenceModel> {
    const known = await this.readReference(projectId).catch(() => null)
    if (known !== null && !known.missing) return known
    const { name, report } = await this.options.store.open(projectId)
    const folder = this.referenceFolder(projectId)
    const file = path.join(folder, fileName(`${name}-reference`, 'onnx'))
    const origin: ModelOrigin = { kind: 'reference', source: report.source }
    const model = await this.write(job, folder, referenceId, origin, 'onnx', file, async (facts) => ({
      caffemodel: { ...facts.caffemodel, gzipBytes: await gzipSize(facts.caffemodel.file) },
    }))
    this.changed(projectId)
    return model
  }

  async verify(address: ModelAddress, job: string): Promise<ExportedModel> {
    const model = await this.read(address)
    const verification = await this.options.jobs.run(job, async (tell, signal) => {
      const { file, format } = model
      return this.options.engine.request(
        'verifyModel',
        { origin: await this.originOf(address, model), format, file },
        tell,
        signal,
      )
    })
    return this.update(address, { verification, verifiedAt: new Date().toISOString() })
  }

  async measure(address: ModelAddress, job: string): Promise<Latency> {
    const { file } = await this.read(address)
    const net = await this.options.tries.net(address.projectId)
    const latency = await this.options.jobs.run(job, (tell, signal) =>
      this.options.engine.request('measureLatency', { file, net }, tell, signal),
    )
    await this.update(address, { latency })
    return latency
  }

  async reveal(address: ModelAddress): Promise<void> {
    this.options.reveal((await this.read(address)).file)
  }

  /** The record, and the file where it is in the run's own folder: what the user saved elsewhere stays. */
  async delete(address: ModelAddress): Promise<{ undo: string }> {
    await this.read(address)
    const undo = await this.options.trash.put(this.folderOf(address))
    this.changed(address.projectId)
    return { undo }
  }

  /** A folder that was deleted is back. */
  restored(folder: string): void {
    const [projectId] = path.relative(this.options.store.folder, folder).split(path.sep)
    if (projectId !== '' && projectId !== '..') this.changed(projectId)
  }

  async checkpoints(address: RunAddress): Promise<CheckpointInfo[]> {
    return describeCheckpoints(await this.openRun(address))
  }

  async promote(address: RunAddress, checkpoint: string, promoted: boolean): Promise<CheckpointInfo[]> {
    const run = await this.openRun(address)
    if (promoted) await promote(run.checkpointsFolder, checkpoint)
    else await unpromote(run.checkpointsFolder)
    this.changed(address.projectId)
    return describeCheckpoints(run)
  }

  async deleteCheckpoint(address: RunAddress, checkpoint: string): Promise<{ undo: string }> {
    const run = await this.openRun(address)
    if ((await run.actualState()) === 'running') {
      throw new AppError('run-in-use', 'The run is running.', {
        hint: 'Pause it first; it keeps only its last checkpoints anyway.',
      })
    }
    const found = (await describeCheckpoints(run)).find(({ name }) => name === checkpoint)
    const folder = path.join(run.checkpointsFolder, checkpoint)
    if (found === undefined) {
      throw new AppError('unknown-checkpoint', 'this checkpoint is no longer there', { file: folder })
    }
    const undo = await this.options.trash.put(folder)
    this.changed(address.projectId)
    return { undo }
  }

  /** Throws AppError 'unknown-model'. */
  async read(address: ModelAddress): Promise<ExportedModel> {
    const folder = this.folderOf(address)
    const model = await readModel(folder)
    if (model !== null) return model
    throw new AppError('unknown-model', 'This model is no longer listed.', {
      file: folder,
      hint: 'Export it again.',
    })
  }

  folderOf({ projectId, runId, modelId }: ModelAddress): string {
    if (runId === undefined) return this.referenceFolder(projectId)
    return path.join(exportsFolder(this.options.store.runFolderOf(projectId, runId)), modelId)
  }

  private async destination(wish: ExportWish, folder: string, name: string): Promise<string | null> {
    const { saveTitle: title } = wish
    if (title === undefined) return path.join(folder, name)
    return this.options.chooseSaveFile({ title, name, extension: path.extname(name).slice(1) })
  }

  /** Leaves no folder behind where the export fails. */
  private async write<Extra extends object>(
    job: string,
    folder: string,
    id: string,
    origin: ModelOrigin,
    format: ExportFormat,
    file: string,
    extra?: (facts: ExportFacts) => Promise<Extra>,
  ): Promise<ExportedModel & Extra> {
    await mkdir(folder, { recursive: true })
    try {
      const facts = await this.options.jobs.run(job, (tell, signal) =>
        this.options.engine.request('exportModel', { origin, format, file }, tell, signal),
      )
      const { caffemodel, ...found } = facts
      const now = new Date().toISOString()
      const model = {
        formatVersion: 1 as const,
        id,
        format,
        file,
        ownFile: path.dirname(file) === folder,
        created: now,
        ...found,
        referenceBytes: caffemodel.bytes,
        verifiedAt: now,
        latency: null,
        ...((await extra?.(facts)) as Extra),
      }
      await writeModel(folder, model)
      return model
    } catch (error) {
      if (!(await isRecorded(folder))) await rm(folder, { recursive: true, force: true })
      throw error
    }
  }

  private async update(address: ModelAddress, change: Partial<ExportedModel>): Promise<ExportedModel> {
    const model = { ...(await this.read(address)), ...change }
    await writeModel(this.folderOf(address), model)
    this.changed(address.projectId)
    return model
  }

  private async originOf({ projectId, runId }: ModelAddress, model: ExportedModel): Promise<ModelOrigin> {
    const { store } = this.options
    if (runId === undefined) return { kind: 'reference', source: (await store.open(projectId)).report.source }
    const runFolder = store.runFolderOf(projectId, runId)
    const checkpoint = model.checkpoint?.name
    const kept = (await readFront(runFolder)).find(({ iteration }) => frontName(iteration) === checkpoint)
    if (kept !== undefined) return { kind: 'front', runFolder, iteration: kept.iteration }
    const known = await describeCheckpoints(await RunFolder.open(runFolder))
    if (checkpoint !== undefined && known.some(({ name }) => name === checkpoint))
      return { kind: 'checkpoint', runFolder, checkpoint }
    throw new AppError('checkpoint-gone', 'The checkpoint this model came from is no longer there.', {
      file: model.file,
      hint: 'What was found when it was exported still holds. Promote a checkpoint to keep it.',
    })
  }

  private referenceFolder(projectId: string): string {
    return path.join(this.options.store.folderOf(projectId), referenceId)
  }

  private async readReference(projectId: string): Promise<ProjectModels['reference']> {
    const model = await readModel(this.referenceFolder(projectId))
    return model === null ? null : ((await withMissing(model)) as ProjectModels['reference'])
  }

  private openRun({ projectId, runId }: RunAddress): Promise<RunFolder> {
    return RunFolder.open(this.options.store.runFolderOf(projectId, runId))
  }

  private async describeRun(
    run: RunFolder,
  ): Promise<{ models: RunModels; unreadable: ProjectModels['unreadable'] }> {
    const { id, request, created, started } = run.record
    const { models, unreadable } = await listExports(exportsFolder(run.path))
    return {
      models: {
        runId: id,
        name: (await readAnnotation(run.path)).name,
        state: await run.actualState(),
        started: started ?? created,
        seed: request.settings.seed,
        checkpoints: await describeCheckpoints(run),
        exports: await Promise.all(models.map(withMissing)),
      },
      unreadable,
    }
  }

  private changed(projectId: string): void {
    this.options.events.send('models:changed', { projectId })
  }
}

async function withMissing<M extends ExportedModel>(model: M): Promise<M & ListedModel> {
  const missing = await stat(model.file).then(
    () => false,
    (error: unknown) => isMissing(error),
  )
  return { ...model, missing }
}

async function isRecorded(folder: string): Promise<boolean> {
  return readModel(folder).then(
    (model) => model !== null,
    () => true,
  )
}

const endings: Record<ExportFormat, string> = {
  onnx: '.onnx',
  'onnx-sparse': '-sparse.onnx',
  'onnx-compact': '-compact.onnx',
  'onnx-compact-sparse': '-compact-sparse.onnx',
  caffemodel: '-masked.caffemodel',
  'caffemodel-plain': '.caffemodel',
}

/** A project's name as a file's. */
function fileName(name: string, format: ExportFormat): string {
  const safe = name.replace(/[^\p{Letter}\p{Number}._-]+/gu, '-').replace(/^[-.]+|[-.]+$/g, '')
  return `${safe === '' ? 'model' : safe.slice(0, 80)}${endings[format]}`
}
