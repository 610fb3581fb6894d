// olmp compress FOLDER and olmp resume RUN

import path from 'node:path'

import { loadAddon } from '../engine/addon'
import { AppError } from '../net/errors'
import { standardError } from '../olmp/heldOut'
import { checkpointInterval } from '../olmp/runSettings'
import { extendRun } from '../runs/extendRun'
import { moveRun } from '../runs/moveRun'
import { RunFolder } from '../runs/RunFolder'
import { runCompression } from '../runs/runner'
import type { ModelSource, RunEvent, RunRequest, RunResult } from '../runs/types'
import { chooseSettings, type SettingsFlags } from './chooseSettings'
import { cacheFolder } from './environment'
import { bytes, duration, integer, percent, points, ratio, sparsityLines } from './format'
import type { Context } from './options'
import type { Terminal } from './terminal'

export interface CompressFlags extends SettingsFlags {
  runDir?: string
  checkpointInterval?: number
}

const KEPT_CHECKPOINTS = 3

export async function compressCommand(
  context: Context,
  source: ModelSource,
  flags: CompressFlags,
): Promise<void> {
  const { terminal, threads, device, tf32 } = context
  const { name, settings, prunableParameters } = await chooseSettings(terminal, source, flags)
  const folder = path.resolve(
    flags.runDir ?? path.join('olmp-runs', `${fileName(name)}-${timestamp(new Date())}`),
  )
  const run = await RunFolder.create(folder, {
    source,
    settings,
    device,
    ...(tf32 ? { tf32 } : {}),
    threads,
    checkpointIntervalIterations:
      flags.checkpointInterval ?? checkpointInterval(settings, prunableParameters),
    keepCheckpoints: KEPT_CHECKPOINTS,
  })
  terminal.log(`Run folder: ${folder}`)
  await follow(terminal, run)
}

export interface ResumeFlags {
  /** A finished run goes on for so many iterations more. */
  extend?: number
  /** An unfinished one goes on there. */
  device?: RunRequest['device']
}

export async function resumeCommand(
  terminal: Terminal,
  folder: string,
  { extend, device }: ResumeFlags,
): Promise<void> {
  await follow(terminal, await runToResume(path.resolve(folder)))

  async function runToResume(run: string): Promise<RunFolder> {
    if (extend !== undefined) return extendRun(run, extend)
    return device === undefined ? RunFolder.open(run) : moveRun(run, device)
  }
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
  const {
    runDir,
    compression,
    accuracy,
    referenceAccuracy,
    seed,
    iterations,
    seconds,
    peakResidentBytes,
    cpuSeconds,
    sparsity,
    validation,
    tf32,
  } = result
  return {
    runDir,
    compression,
    accuracy,
    referenceAccuracy,
    seed,
    iterations,
    seconds,
    peakResidentBytes,
    cpuSeconds,
    sparsity,
    validation,
    tf32,
  }
}

function describe(result: RunResult): string[] {
  const { sparsity, seconds } = result
  return [
    '',
    ...sparsityLines(sparsity),
    `Accuracy ${percent(result.accuracy)} on the whole test set, reference ${percent(result.referenceAccuracy)}`,
    ...validationLine(result),
    `Time ${duration(seconds.total)}: training ${duration(seconds.train)}, search ${duration(seconds.search)}, ` +
      `testing ${duration(seconds.test)}, other ${duration(seconds.other)}${processorTime(result)}`,
    ...memoryLine(result),
    ...(result.tf32 === true ? ['Products and convolutions in TF32'] : []),
    `Run folder ${result.runDir}`,
  ]
}

function processorTime({ cpuSeconds }: RunResult): string {
  return cpuSeconds === undefined ? '' : `; processor ${duration(cpuSeconds)}`
}

function memoryLine({ peakResidentBytes }: RunResult): string[] {
  return peakResidentBytes === undefined ? [] : [`Memory ${bytes(peakResidentBytes)} at most`]
}

function validationLine({ validation }: RunResult): string[] {
  if (validation === undefined) return []
  const { accuracy, referenceAccuracy, images, loss, against } = validation
  const rule = loss === undefined ? '' : `, at most ${points(loss)} points below`
  const whose = against === 'fine-tuned' ? 'the given net fine-tuned without them' : 'the given net'
  return [
    `Accuracy ${percent(accuracy)} on ${integer(images)} training images held out, by which it was chosen ` +
      `(standard error ${points(standardError(accuracy, images))} points)${rule} the reference's ` +
      `${percent(referenceAccuracy)}, of ${whose}`,
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
