// What a compression in cycles needs around its loop: nets of the front on disk, dead units removed, validation images.

import { join } from 'node:path'

import type { CycleLoopOptions, CycleState } from '../olmp/CycleLoop'
import type { CycleSettings } from '../olmp/cycleSettings'
import { ENGINE_STATE_FILE } from './checkpoints'
import { sessionCleaner } from './cleanSession'
import { keepOnFront, restoreFromFront } from './front'
import type { OpenedModel } from './openModel'
import { runningStatistics } from './runningStatistics'
import { type EngineChoice, openValidation, type Reopen } from './validation'

export interface CycleSurroundings extends Pick<
  CycleLoopOptions,
  'clean' | 'statistics' | 'restoreGiven' | 'front' | 'validation'
> {
  close: () => Promise<void>
}

export async function cycleSurroundings(
  opened: OpenedModel,
  settings: CycleSettings,
  runFolder: string,
  { engine, reopen, signal }: { engine: EngineChoice; reopen: Reopen; signal: AbortSignal | undefined },
): Promise<CycleSurroundings> {
  const { session } = opened
  const validation = await openValidation(opened, settings, engine, reopen, signal)
  return {
    clean: sessionCleaner(opened),
    statistics: runningStatistics(opened),
    restoreGiven: opened.reload,
    front: {
      keep: (record) => keepOnFront(runFolder, session, record),
      restore: async ({ iteration }) => {
        await restoreFromFront(runFolder, session, iteration)
      },
    },
    validation,
    close: async () => validation?.close(),
  }
}

/** Brings the session to where the loop stood: its state, and the teacher before it, whose logits no state holds. */
export async function resumeCycles(
  { session }: OpenedModel,
  settings: CycleSettings,
  state: CycleState,
  runFolder: string,
  checkpointFolder: string,
): Promise<void> {
  if (settings.distillation !== null && state.front.length > 0) {
    await restoreFromFront(runFolder, session, state.front[0].iteration)
    await session.computeTeacher()
  }
  await session.loadState(join(checkpointFolder, ENGINE_STATE_FILE))
}
