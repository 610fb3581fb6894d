// The training images held out of a compression in cycles, and what it compares with on them.

import type { EngineAddon, Session } from '../engine/binding'
import { AppError } from '../net/errors'
import type { LayerOf, NetGraph } from '../net/graph'
import { CycleLoop, type Validation } from '../olmp/CycleLoop'
import type { CycleSettings } from '../olmp/cycleSettings'
import { heldOut } from '../olmp/heldOut'
import { accuracyOf } from '../olmp/records'
import { interruptible } from './interruptible'
import { loopNet, testNet } from './loopNet'
import { batchOf, type OpenedModel } from './openModel'
import { runningStatistics } from './runningStatistics'
import { sampled, withData } from './sampling'

export interface EngineChoice {
  addon: EngineAddon
  device: 'cpu' | 'cuda'
  tf32?: boolean
  threads: number
}

/** Opens the run's model by other settings than the run's own. */
export type Reopen = (settings: CycleSettings) => Promise<OpenedModel>

interface HeldOut {
  images: number
  /** Of a session's net on them, 0..1. */
  accuracy: (of: Session) => Promise<number>
  close: () => Promise<void>
}

/** null where the goal needs no validation. Throws 'no-dataset' and 'too-few-images'. */
export async function openValidation(
  opened: OpenedModel,
  settings: CycleSettings,
  engine: EngineChoice,
  reopen: Reopen,
  signal: AbortSignal | undefined,
): Promise<(Validation & { close: () => Promise<void> }) | null> {
  const held = await openHeldOut(opened, settings, engine)
  if (held === null) return null
  const { images, close } = held
  const fineTuned = (): Promise<number | null> => fineTunedReference(settings, held, reopen, signal)
  return {
    images,
    accuracy: () => held.accuracy(opened.session),
    fineTuned: settings.augmentation === null ? null : fineTuned,
    close,
  }
}

/** Accuracy, on the images held out, of the given net fine-tuned without them and without copies: a loop of no cycles in a
 *  session of its own. Copies make a net better than its user ever had it, and a goal should not have to keep that. null
 *  where the run is to stop. */
async function fineTunedReference(
  settings: CycleSettings,
  { images, accuracy }: HeldOut,
  reopen: Reopen,
  signal: AbortSignal | undefined,
): Promise<number | null> {
  const plain: CycleSettings = { ...settings, augmentation: null, distillation: null }
  const opened = await reopen(plain)
  try {
    const { session } = opened
    const loop = new CycleLoop({
      session,
      net: loopNet(opened),
      settings: { ...plain, goal: { kind: 'size', kept: [Infinity] } },
      onEvent: () => undefined,
      checkpointIntervalIterations: 0,
      writeCheckpoint: async () => undefined,
      clean: async () => undefined,
      statistics: runningStatistics(opened),
      restoreGiven: opened.reload,
      front: { keep: async () => undefined, restore: async () => undefined },
      validation: { images, accuracy: () => accuracy(session), fineTuned: null },
    })
    if (signal?.aborted === true) return null
    await interruptible(
      signal,
      () => loop.requestStop(),
      () => loop.run(),
    )
    return loop.state().chosen?.validationAccuracy ?? null
  } finally {
    await opened.close()
  }
}

/** A session of the test net over the training images held out: as many whole batches of it as they make. */
async function openHeldOut(
  { model, train, test, trainImages }: OpenedModel,
  { goal, seed }: CycleSettings,
  { addon, device, tf32, threads }: EngineChoice,
): Promise<HeldOut | null> {
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
    async accuracy(of) {
      await copyParameters(of, session)
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
