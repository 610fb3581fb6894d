// The settings of a run: of the published loop, or of the cycles. What both kinds are asked for alike.

import type { CycleSettings } from './cycleSettings'
import { completeCycles, parseCycleSettings } from './cycleProblems'
import { iterationsOf, plannedCycles } from './cycleSchedule'
import { parseSettings, type OlmpSettings } from './settings'

export type RunSettings = OlmpSettings | CycleSettings

export function isCycles(settings: RunSettings): settings is CycleSettings {
  return 'method' in settings
}

/** Settings read from outside, or the first of what is wrong with them thrown (AppError 'invalid-setting'). `prunable`:
 *  the names of the net's prunable layers, where a net is known. */
export function parseRunSettings(value: unknown, prunable?: string[]): RunSettings {
  const cycles = typeof value === 'object' && value !== null && 'method' in value
  return cycles ? parseCycleSettings(value) : parseSettings(value, prunable)
}

/** As read from a run, perhaps of an earlier version. */
export function completeSettings(settings: RunSettings): RunSettings {
  return isCycles(settings) ? completeCycles(settings) : settings
}

/** Updates of the whole run. Of cycles: as far as can be told, for a net of so many prunable parameters; 0 where that is
 *  not known. */
export function plannedIterations(settings: RunSettings, parameters: number | null): number {
  if (!isCycles(settings)) return settings.iterations + 1
  if (parameters === null) return 0
  const cycles = plannedCycles(settings, parameters, parameters)
  return cycles.reduce(
    (sum, step) => sum + iterationsOf(step, settings.growth),
    settings.fineTune?.iterations ?? 0,
  )
}

/** Checkpoints of a run: this many over its length, no more often than every 100 iterations. */
const CHECKPOINTS = 30
const LEAST_CHECKPOINT_INTERVAL = 100

/** Iterations between checkpoints, where nobody says otherwise. */
export function checkpointInterval(settings: RunSettings, parameters: number | null): number {
  return Math.max(LEAST_CHECKPOINT_INTERVAL, Math.ceil(plannedIterations(settings, parameters) / CHECKPOINTS))
}

/** How the engine reads rates; only the published loop has any. */
export function rateEncodingOf(settings: RunSettings): 'exact' | 'mask-element' {
  return !isCycles(settings) && settings.searchMode === 'as-published' ? 'mask-element' : 'exact'
}
