// The settings of `olmp compress`: a preset's for the net, with what the flags and the settings file change.

import { readFile } from 'node:fs/promises'

import { releaseWeights } from '../caffe/caffemodel'
import { loadAddon } from '../engine/addon'
import { AppError } from '../net/errors'
import { augmentable, cycleRule, type CycleFacts } from '../olmp/cycleRule'
import type { CycleGoal, CycleSettings, Effort, PruningScore, Reference } from '../olmp/cycleSettings'
import { validationImages } from '../olmp/heldOut'
import { isPresetName, ofLength, PRESET_NAMES, presetSettings, type PresetName } from '../olmp/presets'
import { parseRunSettings, type RunSettings } from '../olmp/runSettings'
import type { OlmpSettings } from '../olmp/settings'
import { netFacts } from '../projects/modelReport'
import { importModel } from '../runs/openModel'
import type { ModelSource } from '../runs/types'
import { cacheFolder } from './environment'
import type { Terminal } from './terminal'

export const RECOMMENDED = 'recommended'

export interface SettingsFlags {
  preset: string
  seed?: number
  settings?: string
  /** Of the published loop. */
  delta?: number
  iterations?: number
  /** Of the cycles. */
  effort?: Effort
  target?: number[]
  accuracyLoss?: number
  validationImages?: number
  against?: Reference
  score?: PruningScore
  augmentation?: boolean
}

/** Throws AppError 'unknown-preset', 'no-dataset', 'invalid-setting', 'flag-of-another-preset'. */
export async function chooseSettings(
  terminal: Terminal,
  source: ModelSource,
  flags: SettingsFlags,
): Promise<{ name: string; settings: RunSettings; prunableParameters: number }> {
  const { preset } = flags
  if (preset !== RECOMMENDED && !isPresetName(preset)) {
    throw new AppError('unknown-preset', `there is no preset '${preset}'`, {
      hint: `there are ${[RECOMMENDED, ...PRESET_NAMES].join(', ')}`,
    })
  }
  const model = await importModel(source, {
    addon: loadAddon(),
    cacheFolder: cacheFolder(),
    onProgress: (text) => terminal.progress(text, 0, 1),
  })
  if (model.weights !== null) releaseWeights(model.weights)
  terminal.endProgress()
  const facts = netFacts(model)
  if (facts === null) {
    throw new AppError('no-dataset', 'the training data or the solver is not here', {
      file: model.folder,
      hint: 'name the data: --data-train PATH --data-test PATH, or the word mnist; olmp inspect tells more',
    })
  }
  const file = flags.settings === undefined ? {} : await readSettings(flags.settings)
  const seed = flags.seed === undefined ? {} : { seed: flags.seed }
  const cycles = 'method' in file || (preset === RECOMMENDED && !('searchMode' in file))
  const base = cycles ? cyclesOf(facts, flags) : published(preset, facts, flags)
  const settings = parseRunSettings({ ...base, ...file, ...seed })
  return { name: model.name, settings, prunableParameters: facts.prunableParameters }
}

function published(preset: string, facts: CycleFacts, flags: SettingsFlags): OlmpSettings {
  const { effort, target, accuracyLoss, validationImages, against, score } = flags
  refuse({ effort, target, accuracyLoss, validationImages, against, score }, 'the recommended preset')
  // A settings file of the published loop says all that matters itself.
  const name: PresetName = isPresetName(preset) ? preset : 'olmp-ncs-corrected'
  const settings = presetSettings(name, facts)
  const { delta = settings.delta, iterations = settings.iterations } = flags
  return { ...ofLength(settings, iterations), delta }
}

function cyclesOf(facts: CycleFacts, flags: SettingsFlags): CycleSettings {
  const { delta, iterations } = flags
  refuse({ delta, iterations }, 'the published presets; --effort sets the length')
  const settings = cycleRule(facts, {
    effort: flags.effort ?? 'standard',
    goal: goalOf(facts, flags),
    augment: (flags.augmentation ?? true) && augmentable(facts),
    seed: flags.seed ?? 1,
  })
  return flags.score === undefined ? settings : { ...settings, score: flags.score }
}

/** Of accuracy where no size is asked for. */
function goalOf(facts: CycleFacts, flags: SettingsFlags): CycleGoal {
  const { target, accuracyLoss, validationImages: images, against } = flags
  if (target === undefined) {
    return {
      kind: 'accuracy',
      loss: accuracyLoss ?? ACCURACY_LOSS,
      validationImages: images ?? validationImages(facts),
      against: against ?? 'given',
    }
  }
  refuse({ accuracyLoss, validationImages: images, against }, 'a goal of accuracy, without --target')
  return { kind: 'size', kept: target.map((ratio) => Math.floor(facts.prunableParameters / ratio)) }
}

const ACCURACY_LOSS = 0.001

function refuse(flags: Record<string, unknown>, whose: string): void {
  const given = Object.keys(flags).find((name) => flags[name] !== undefined)
  if (given === undefined) return
  const flag = `--${given.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`
  throw new AppError('flag-of-another-preset', `${flag} belongs to ${whose}`, {
    hint: `leave it away, or choose another --preset: ${[RECOMMENDED, ...PRESET_NAMES].join(', ')}`,
  })
}

async function readSettings(file: string): Promise<object> {
  try {
    const value: unknown = JSON.parse(await readFile(file, 'utf8'))
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new AppError('invalid-setting', `the settings cannot be read: ${reason}`, { file, cause })
  }
  throw new AppError('invalid-setting', 'the settings are not a JSON object', { file })
}
