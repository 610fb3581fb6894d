// Whole compressions by the published settings, from start to verified ONNX, by the terminal command; beside them what PyTorch
// takes for as many steps, and for candidates that keep as much as those of the run's searches.
import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { DatabaseSync } from '@photostructure/sqlite'
import { projectRoot, SetupError } from '../setup/shell.mjs'
import { benchFolder, runPeer } from './programs.mjs'

const peerNames = { 'lenet-300-100': 'lenet300', 'lenet-5': 'lenet5' }
/** Generations of the run's searches that PyTorch evaluates, spread over all of them. */
const sampledGenerations = 60

function olmp(args) {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [path.join(projectRoot, 'scripts/olmp.mjs'), ...args, '--json'],
    { cwd: projectRoot, encoding: 'utf8', maxBuffer: 1 << 28 },
  )
  if (status === 0) return JSON.parse(stdout)
  throw new SetupError(`olmp ${args.join(' ')} failed:\n${stderr.split('\n').slice(-10).join('\n')}`)
}

/** The shares that the candidates of a run kept, by generation. */
function generations(run) {
  const history = new DatabaseSync(path.join(run, 'history.db'), { readOnly: true })
  const rows = history
    .prepare('SELECT iteration, generation, kept FROM candidates ORDER BY iteration, generation, candidate')
    .all()
  history.close()
  const byGeneration = new Map()
  for (const { iteration, generation, kept } of rows) {
    const key = `${iteration} ${generation}`
    if (!byGeneration.has(key)) byGeneration.set(key, [])
    byGeneration.get(key).push(kept)
  }
  return [...byGeneration.values()]
}

/** Seconds of PyTorch, on one thread, for the run's steps alone and for its candidates. */
function peerSeconds(peer, sample, run, iterations) {
  if (peer === null) return {}
  const net = peerNames[sample]
  const all = generations(run)
  const candidates = all.reduce((sum, { length }) => sum + length, 0)
  const every = Math.max(1, Math.floor(all.length / sampledGenerations))
  const file = path.join(run, 'generations.json')
  fs.writeFileSync(file, JSON.stringify(all.filter((_, i) => i % every === 0)))
  const step = runPeer(peer, ['step', net, 64, 1, 100]).step.median
  const search = runPeer(peer, ['searches', net, 64, 1, 1, file])
  return {
    candidates,
    peerSteps: (iterations * step) / 1e6,
    peerOneByOne: (candidates * search['one by one'].median) / 1e6,
    peerBatched: (candidates * search.batched.median) / 1e6,
  }
}

/** One row per net: seconds of the whole and of its parts, `exporting` with the verification, peak resident bytes. */
export function wholeRuns(peer, iterations) {
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
      ...peerSeconds(peer, sample, run, result.iterations),
    }
  })
}
