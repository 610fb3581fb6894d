// The checkpoints of a run, as they are told to people.

import { readFile, stat } from 'node:fs/promises'
import { basename, join } from 'node:path'

import { ENGINE_STATE_FILE, listCheckpoints, LOOP_FILE, type CheckpointContent } from './checkpoints'
import type { CheckpointInfo } from './models'
import { readPromoted } from './promotion'
import type { RunFolder } from './RunFolder'

/** Newest first. Their checksums are verified when they are used, not here; one that a run deletes meanwhile is left out. */
export async function describeCheckpoints(
  run: Pick<RunFolder, 'checkpointsFolder'>,
): Promise<CheckpointInfo[]> {
  const [folders, promoted] = await Promise.all([
    listCheckpoints(run.checkpointsFolder),
    readPromoted(run.checkpointsFolder).catch(() => null),
  ])
  const described = await Promise.all(folders.map((folder) => describeOne(folder, promoted)))
  return described.filter((info) => info !== null)
}

async function describeOne(folder: string, promoted: string | null): Promise<CheckpointInfo | null> {
  const name = basename(folder)
  try {
    const [state, loop, text] = await Promise.all([
      stat(join(folder, ENGINE_STATE_FILE)),
      stat(join(folder, LOOP_FILE)),
      readFile(join(folder, LOOP_FILE), 'utf8'),
    ])
    const { metrics } = JSON.parse(text) as CheckpointContent
    const [iteration, generation] = name.split('-g')
    return {
      name,
      iteration: Number.parseInt(iteration, 10),
      generation: generation === undefined ? null : Number.parseInt(generation, 10),
      bytes: state.size + loop.size,
      savedAt: state.mtime.toISOString(),
      accuracy: metrics?.accuracy ?? null,
      accuracyIteration: metrics?.accuracyIteration ?? null,
      compression: metrics?.compression ?? null,
      promoted: name === promoted,
    }
  } catch {
    return null
  }
}
