// Whole compressions by the published settings, from start to verified ONNX, by the terminal command.
import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { projectRoot, SetupError } from '../setup/shell.mjs'
import { benchFolder } from './programs.mjs'

function olmp(args) {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [path.join(projectRoot, 'scripts/olmp.mjs'), ...args, '--json'],
    { cwd: projectRoot, encoding: 'utf8', maxBuffer: 1 << 28 },
  )
  if (status === 0) return JSON.parse(stdout)
  throw new SetupError(`olmp ${args.join(' ')} failed:\n${stderr.split('\n').slice(-10).join('\n')}`)
}

/** One row per net: seconds of the whole and of its parts, `exporting` with the verification, peak resident bytes. */
export function wholeRuns(iterations) {
  const shortened = iterations === undefined ? [] : ['--iterations', String(iterations)]
  return ['lenet-300-100', 'lenet-5'].map((sample) => {
    const run = path.join(benchFolder, 'runs', sample)
    fs.rmSync(run, { recursive: true, force: true })
    const data = ['--data-train', 'mnist', '--data-test', 'mnist']
    const settings = ['--preset', 'olmp-as-published', '--threads', '1', '--run-dir', run]
    const started = performance.now()
    const result = olmp(['compress', `resources/samples/${sample}`, ...data, ...settings, ...shortened])
    const compressed = performance.now()
    olmp(['export', run, '--onnx', path.join(run, `${sample}.onnx`)])
    const exporting = (performance.now() - compressed) / 1000
    const { compression, accuracy, seconds, peakResidentBytes } = result
    const total = (performance.now() - started) / 1000
    return {
      sample,
      iterations: result.iterations,
      total,
      ...seconds,
      exporting,
      compression,
      accuracy,
      peakResidentBytes,
      all: total,
    }
  })
}
