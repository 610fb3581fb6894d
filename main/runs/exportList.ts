// Exported models on disk: a folder each, exports/<id>/, with export.json (ExportedModel) beside the model. One folder per
// model makes an export, its deletion and the undoing of that a single rename. Files that the user put elsewhere have only
// their record here.

import { randomBytes } from 'node:crypto'
import { mkdir, readdir, readFile, rename, rm } from 'node:fs/promises'
import { basename, join } from 'node:path'

import { AppError, type ErrorRecord, toErrorRecord } from '../net/errors'
import { isMissing, replaceFile } from './durable'
import type { ExportReport } from './exportRun'
import type { ExportedModel, ExportFormat } from './models'

export const RECORD_FILE = 'export.json'
const FORMAT_VERSION = 1

export function exportsFolder(runFolder: string): string {
  return join(runFolder, 'exports')
}

export function newModelId(format: ExportFormat): string {
  return `${format}-${Date.now().toString(36)}-${randomBytes(2).toString('hex')}`
}

/** Newest first, and why the others cannot be read. */
export async function listExports(
  folder: string,
): Promise<{ models: ExportedModel[]; unreadable: ErrorRecord[] }> {
  await migrate(folder)
  const entries = await readdir(folder, { withFileTypes: true }).catch((error: unknown) => {
    if (isMissing(error)) return []
    throw error
  })
  const models: ExportedModel[] = []
  const unreadable: ErrorRecord[] = []
  for (const entry of entries.filter((candidate) => candidate.isDirectory())) {
    try {
      const model = await readModel(join(folder, entry.name))
      if (model !== null) models.push(model)
    } catch (error) {
      unreadable.push(toErrorRecord(error))
    }
  }
  models.sort((a, b) => b.created.localeCompare(a.created) || b.id.localeCompare(a.id))
  return { models, unreadable }
}

/** The newest verified ONNX model of a run, as its report. */
export async function newestReport(runFolder: string): Promise<ExportReport | null> {
  const { models } = await listExports(exportsFolder(runFolder))
  const sideBySide = models.find((model) => model.sideBySide !== undefined)?.sideBySide
  for (const { verification, file, sparsity, checkpoint, bytes, gzipBytes, referenceBytes } of models) {
    if (verification.kind !== 'onnxruntime') continue
    const { kind: _, ...verified } = verification
    return {
      ...verified,
      file,
      sparsity,
      iteration: checkpoint?.iteration ?? 0,
      bytes,
      gzipBytes,
      referenceBytes,
      ...(sideBySide === undefined ? {} : { sideBySide }),
    }
  }
  return null
}

/** The model recorded in its folder; null where there is no record (an export that did not end). Throws AppError. */
export async function readModel(modelFolder: string): Promise<ExportedModel | null> {
  const file = join(modelFolder, RECORD_FILE)
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    if (isMissing(error)) return null
    throw error
  })
  if (text === null) return null
  const model = parse(text, file)
  // Own files move with their run.
  return model.ownFile ? { ...model, file: join(modelFolder, basename(model.file)) } : model
}

export async function writeModel(modelFolder: string, model: ExportedModel): Promise<void> {
  await mkdir(modelFolder, { recursive: true })
  const recorded = model.ownFile ? { ...model, file: basename(model.file) } : model
  await replaceFile(join(modelFolder, RECORD_FILE), `${JSON.stringify(recorded, null, 2)}\n`)
}

function parse(text: string, file: string): ExportedModel {
  const refuse = (message: string, cause?: unknown) =>
    new AppError('unreadable-export', message, {
      file,
      cause,
      hint: 'export the model again; the exported file itself is not affected',
    })
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw refuse('the record of an exported model is not valid JSON', cause)
  }
  const version: unknown = typeof value === 'object' && value !== null && Reflect.get(value, 'formatVersion')
  if (version === FORMAT_VERSION) return value as ExportedModel
  if (typeof version === 'number' && version > FORMAT_VERSION)
    throw refuse('the record of an exported model was written by a newer version')
  throw refuse('the record of an exported model has no format version')
}

/** Until now a run had one export, exports/<name>.onnx with exports/export.json beside it. */
async function migrate(folder: string): Promise<void> {
  const old = join(folder, RECORD_FILE)
  const text = await readFile(old, 'utf8').catch(() => null)
  if (text === null) return
  let report: ExportReport
  try {
    report = JSON.parse(text) as ExportReport
  } catch {
    return
  }
  const { file, sparsity, iteration, referenceBytes, bytes, gzipBytes, ...verified } = report
  const id = newModelId('onnx')
  const modelFolder = join(folder, id)
  await mkdir(modelFolder, { recursive: true })
  const moved = join(modelFolder, basename(file))
  await rename(join(folder, basename(file)), moved).catch((error: unknown) => {
    if (!isMissing(error)) throw error
  })
  const now = new Date().toISOString()
  await writeModel(modelFolder, {
    formatVersion: FORMAT_VERSION,
    id,
    format: 'onnx',
    file: moved,
    ownFile: true,
    created: now,
    checkpoint: { name: String(iteration).padStart(9, '0'), iteration },
    sparsity,
    bytes,
    gzipBytes,
    referenceBytes,
    opset: 13,
    verification: { kind: 'onnxruntime', ...verified },
    verifiedAt: now,
    latency: null,
  })
  await rm(old)
}
