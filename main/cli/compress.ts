// olmp compress FOLDER and olmp resume RUN

import { readFile } from 'node:fs/promises'
import path from 'node:path'

import { releaseWeights } from '../caffe/caffemodel'
import { loadAddon } from '../engine/addon'
import { netFacts } from '../projects/modelReport'
import { AppError } from '../net/errors'
import { isPresetName, ofLength, PRESET_NAMES, presetSettings } from '../olmp/presets'
import { parseSettings, type OlmpSettings } from '../olmp/settings'
import { extendRun } from '../runs/extendRun'
import { importModel } from '../runs/openModel'
import { RunFolder } from '../runs/RunFolder'
import { runCompression } from '../runs/runner'
import type { ModelSource, RunEvent, RunResult } from '../runs/types'
import { cacheFolder } from './environment'
import { duration, percent, ratio, sparsityLines } from './format'
import type { Context } from './options'
import type { Terminal } from './terminal'

export interface CompressFlags {
  preset: string
  delta?: number
  seed?: number
  iterations?: number
  settings?: string
  runDir?: string
  checkpointInterval: number
}

const KEPT_CHECKPOINTS = 3

export async function compressCommand(
  context: Context,
  source: ModelSource,
  flags: CompressFlags,
): Promise<void> {
  const { terminal, threads, device } = context
  const { name, settings } = await chooseSettings(terminal, source, flags)
  const folder = path.resolve(
    flags.runDir ?? path.join('olmp-runs', `${fileName(name)}-${timestamp(new Date())}`),
  )
  const run = await RunFolder.create(folder, {
    source,
    settings,
    device,
    threads,
    checkpointIntervalIterations: flags.checkpointInterval,
    keepCheckpoints: KEPT_CHECKPOINTS,
  })
  terminal.log(`Run folder: ${folder}`)
  await follow(terminal, run)
}

/** With `extend` a finished run goes on for so many iterations more. */
export async function resumeCommand(terminal: Terminal, folder: string, extend?: number): Promise<void> {
  const run = path.resolve(folder)
  await follow(terminal, extend === undefined ? await RunFolder.open(run) : await extendRun(run, extend))
}

/** The preset's settings for this net, with what the flags and the settings file change. */
async function chooseSettings(
  terminal: Terminal,
  source: ModelSource,
  flags: CompressFlags,
): Promise<{ name: string; settings: OlmpSettings }> {
  if (!isPresetName(flags.preset)) {
    throw new AppError('unknown-preset', `there is no preset '${flags.preset}'`, {
      hint: `there are ${PRESET_NAMES.join(' and ')}`,
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
    throw new AppError('no-dataset', 'the training data is not here', {
      file: model.folder,
      hint: 'name it: --data-train PATH --data-test PATH, or the word mnist; olmp inspect tells more',
    })
  }
  const preset = presetSettings(flags.preset, facts)
  const chosen = flags.settings === undefined ? {} : await readSettings(flags.settings)
  const merged = {
    ...ofLength(preset, flags.iterations ?? preset.iterations),
    ...chosen,
    ...(flags.delta === undefined ? {} : { delta: flags.delta }),
    ...(flags.seed === undefined ? {} : { seed: flags.seed }),
  }
  return { name: model.name, settings: parseSettings(merged) }
}

async function readSettings(file: string): Promise<Partial<OlmpSettings>> {
  try {
    const value: unknown = JSON.parse(await readFile(file, 'utf8'))
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new AppError('invalid-setting', `the settings cannot be read: ${reason}`, { file, cause })
  }
  throw new AppError('invalid-setting', 'the settings are not a JSON object', { file })
}

/** Runs or resumes, showing log and progress. Ctrl-C stops at the next boundary, with a checkpoint; a second one at once. */
async function follow(terminal: Terminal, run: RunFolder): Promise<void> {
  const abort = new AbortController()
  const stop = (): void => {
    terminal.log('Stopping: writing a checkpoint')
    abort.abort('stopped')
  }
  process.once('SIGINT', stop)
  process.once('SIGTERM', stop)
  try {
    const deps = { addon: loadAddon(), cacheFolder: cacheFolder(), signal: abort.signal }
    const result = await runCompression(run, deps, (event) => show(terminal, event))
    if (result === null) {
      throw new AppError('stopped', 'the run was stopped before its end', {
        file: run.path,
        hint: `olmp resume ${run.path} continues it`,
      })
    }
    terminal.result(summary(result), () => describe(result))
  } finally {
    process.off('SIGINT', stop)
    process.off('SIGTERM', stop)
  }
}

function show(terminal: Terminal, event: RunEvent): void {
  switch (event.kind) {
    case 'log':
      if (event.level === 'info') terminal.log(event.text)
      else terminal.log(`${event.level}: ${event.text}`)
      break
    case 'phase':
      terminal.progress(event.text, event.iteration, event.iterations)
      break
    case 'iterations': {
      const last = event.records.at(-1)
      if (last !== undefined)
        terminal.advance(last.iteration, `${ratio(last.compression)}, loss ${last.loss.toFixed(4)}`)
      break
    }
    default:
      break
  }
}

/** What --json promises, with the counts beside it. */
function summary(result: RunResult): object {
  const { runDir, compression, accuracy, referenceAccuracy, seed, iterations, seconds, sparsity } = result
  return { runDir, compression, accuracy, referenceAccuracy, seed, iterations, seconds, sparsity }
}

function describe(result: RunResult): string[] {
  const { sparsity, seconds } = result
  return [
    '',
    ...sparsityLines(sparsity),
    `Accuracy ${percent(result.accuracy)} on the whole test set, reference ${percent(result.referenceAccuracy)}`,
    `Time ${duration(seconds.total)}: training ${duration(seconds.train)}, search ${duration(seconds.search)}, ` +
      `testing ${duration(seconds.test)}, other ${duration(seconds.other)}`,
    `Run folder ${result.runDir}`,
  ]
}

function fileName(name: string): string {
  return name.replace(/[^\w.-]+/g, '-').replace(/^[-.]+/, '') || 'run'
}

/** 20260131-142559, local time. */
function timestamp(date: Date): string {
  const two = (value: number): string => String(value).padStart(2, '0')
  const day = `${date.getFullYear()}${two(date.getMonth() + 1)}${two(date.getDate())}`
  return `${day}-${two(date.getHours())}${two(date.getMinutes())}${two(date.getSeconds())}`
}
