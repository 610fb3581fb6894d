// What a compression in cycles needs around its loop: nets of the front on disk, dead units removed, validation images.

import { join } from 'node:path'

import type { EngineAddon, Session } from '../engine/binding'
import { AppError } from '../net/errors'
import type { LayerOf, NetGraph } from '../net/graph'
import type { CycleLoopOptions, CycleState, Validation } from '../olmp/CycleLoop'
import type { CycleSettings } from '../olmp/cycleSettings'
import { heldOut } from '../olmp/heldOut'
import { accuracyOf } from '../olmp/records'
import { sessionCleaner } from './cleanSession'
import { ENGINE_STATE_FILE } from './checkpoints'
import { keepOnFront, restoreFromFront } from './front'
import { testNet } from './loopNet'
import { batchOf, type OpenedModel } from './openModel'
import { sampled, withData } from './sampling'

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
  engine: EngineChoice,
): Promise<CycleSurroundings> {
  const { session } = opened
  const held = await openValidation(opened, settings, engine)
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
    validation: held,
    close: async () => held?.close(),
  }
}

function runningStatistics({ train, session }: OpenedModel): number[] {
  const moving = (train?.layers ?? []).filter(
    (layer) => layer.type === 'BatchNorm' && !layer.params.use_global_stats,
  )
  const names = new Set(moving.map(({ name }) => name))
  return session.parameters.flatMap(({ layer }, index) => (names.has(layer) ? [index] : []))
}

interface EngineChoice {
  addon: EngineAddon
  device: 'cpu' | 'cuda'
  tf32?: boolean
  threads: number
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

/** A session of the test net over the training images held out: as many whole batches of it as they make. */
async function openValidation(
  { model, train, test, trainImages, session: trained }: OpenedModel,
  { goal, seed }: CycleSettings,
  { addon, device, tf32, threads }: EngineChoice,
): Promise<(Validation & { close: () => Promise<void> }) | null> {
  if (goal.kind !== 'accuracy') return null
  const source = train?.layers.find((layer): layer is LayerOf<'Data'> => layer.type === 'Data')
  if (source === undefined || test === null) {
    throw new AppError(
      'no-dataset',
      'an accuracy goal needs a net with a Data layer, to hold images out of',
      {
        file: model.folder,
        hint: 'give a target size instead',
      },
    )
  }
  const held = heldOut(goal.validationImages, trainImages)
  const batches = Math.floor(held / batchOf(test))
  if (batches === 0) {
    throw new AppError(
      'too-few-images',
      `${held} images held out do not fill a test batch of ${batchOf(test)}`,
      {
        file: model.folder,
        hint: 'hold out more images, give the test net a smaller batch_size, or give a target size instead',
      },
    )
  }
  const { source: path, datum_shape } = source.params
  const graph: NetGraph = sampled(withData(test, { source: path, datum_shape }), {
    held,
    part: 'held',
    shuffle: false,
    augmentation: null,
    seed,
  })
  const session = await addon.createSession({
    test: JSON.stringify(graph),
    device,
    tf32,
    threads,
    seed,
    rateEncoding: 'exact',
  })
  const images = batches * batchOf(test)
  const { testAccuracy } = testNet(graph, session)
  return {
    images,
    async accuracy() {
      await copyParameters(trained, session)
      await session.rewind('TEST')
      const values = await session.test(batches)
      return accuracyOf(values[testAccuracy], images)
    },
    close: () => session.close(),
  }
}

async function copyParameters(from: Session, to: Session): Promise<void> {
  for (const [index, { layer, slot, prunable }] of to.parameters.entries()) {
    const source = from.parameters.findIndex((info) => info.layer === layer && info.slot === slot)
    if (source < 0) continue
    await to.setParameter(index, 'value', await from.getParameter(source, 'value'))
    if (prunable >= 0) await to.setParameter(index, 'mask', await from.getParameter(source, 'mask'))
  }
}
