// The datasets that a net's data layers name: found, remapped by the user, or missing.

import type { DatumSetInfo } from '../engine/binding'
import { AppError } from '../net/errors'
import type { Phase } from '../net/graph'
import type { ModelSource } from '../runs/types'
import { dataStatement, type DataStatement } from './build/sources'
import { isIncluded, type NetState } from './filter'
import { datasetBackend, locate, type FolderContents } from './folderScan'
import type { LayerMessage, NetMessage } from './messages'
import type { ImportedData, Note } from './model'

export interface DataRequest {
  kind: 'train' | 'test'
  phase: Phase
  layer: string
  /** An existing LMDB or LevelDB folder, or what the user gave (`mnist`, a folder). */
  path: string
  /** The user named it, rather than the prototxt. */
  remapped: boolean
}

export interface DataAccess {
  describeDatums?: (folder: string) => Promise<DatumSetInfo>
  /** Turns a dataset into an LMDB that the engine reads; absent: LMDBs are taken as they are. */
  resolveData?: (request: DataRequest) => Promise<{ folder: string; info: DatumSetInfo }>
}

export function dataLayers(net: NetMessage, state: NetState): LayerMessage[] {
  return (net.layer ?? []).filter((layer) => dataStatement(layer) !== undefined && isIncluded(layer, state))
}

function whyMissing({ backend, source }: DataStatement): string {
  const isDatabase = backend === 'LMDB' || backend === 'LEVELDB'
  if (!isDatabase)
    return `reads ${backend}${source === '' ? '' : ` ('${source}')`}: choose an LMDB or LevelDB in its place`
  return source === ''
    ? 'names no dataset: choose one'
    : `names '${source}', which is not here: choose its dataset`
}

async function resolve(
  request: DataRequest,
  access: DataAccess,
): Promise<Pick<ImportedData, 'resolved' | 'info'>> {
  if (access.resolveData !== undefined) {
    const { folder, info } = await access.resolveData(request)
    return { resolved: folder, info }
  }
  const backend = datasetBackend(request.path)
  if (backend !== 'LMDB') {
    const found = backend === 'LEVELDB' ? 'a LevelDB, which has to be converted first' : 'no LMDB'
    throw new AppError('no-dataset', `this is ${found}`, { file: request.path })
  }
  return { resolved: request.path, info: (await access.describeDatums?.(request.path)) ?? null }
}

/** One entry per data layer of the phase. A dataset the user chose must be readable (AppError); one that only the
 *  prototxt names may be missing: that is a warning. */
export async function locateData(
  net: NetMessage,
  netFile: string,
  state: NetState,
  source: ModelSource,
  contents: FolderContents,
  access: DataAccess,
  notes: Note[],
): Promise<ImportedData[]> {
  const result: ImportedData[] = []
  const kind = state.phase === 'TRAIN' ? 'train' : 'test'
  const chosen = state.phase === 'TRAIN' ? source.dataTrain : source.dataTest
  for (const layer of dataLayers(net, state)) {
    const statement = dataStatement(layer)
    if (statement === undefined) continue
    const name = layer.name ?? ''
    const entry: ImportedData = {
      phase: state.phase,
      layer: name,
      backend: statement.backend,
      statedSource: statement.source,
      resolved: null,
      info: null,
    }
    result.push(entry)
    const request = (path: string): DataRequest => ({
      kind,
      phase: state.phase,
      layer: name,
      path,
      remapped: chosen !== undefined,
    })
    if (chosen !== undefined) {
      Object.assign(entry, await resolve(request(chosen), access))
      continue
    }
    const { file, line } = layer.text?.at ?? { file: netFile, line: undefined }
    const found = locate(statement.source, 'folder', netFile, contents)
    if (found === null || datasetBackend(found) === null) {
      const message = `data layer '${name}' (${state.phase}) ${whyMissing(statement)}`
      notes.push({ level: 'warning', message, file, line })
      continue
    }
    try {
      Object.assign(entry, await resolve(request(found), access))
      if (found !== statement.source) {
        notes.push({ level: 'info', message: `'${statement.source}' was found as ${found}`, file, line })
      }
    } catch (error) {
      if (!(error instanceof Error)) throw error
      const message = `the dataset of data layer '${name}' cannot be read: ${error.message}`
      notes.push({ level: 'warning', message, file: found })
    }
  }
  return result
}
