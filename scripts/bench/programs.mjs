// What is measured: the executables of native/bench, in a build folder of their own, and PyTorch where it is installed.
import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { has, projectRoot, run, SetupError, timed } from '../setup/shell.mjs'
import { parseTimes } from './rounds.mjs'

export const benchFolder = path.join(projectRoot, '.cache/bench')
const buildFolder = path.join(benchFolder, 'native')
const programs = ['train_step', 'sparse_step', 'population']
const peerScript = path.join(import.meta.dirname, 'peer.py')

/** Threads that wait do not spin, on either side. */
const env = { ...process.env, OMP_WAIT_POLICY: 'PASSIVE' }

export async function buildPrograms() {
  const without = ['ADDON', 'TESTS', 'CUDA'].map((part) => `-DOLMP_${part}=OFF`)
  const source = path.join(projectRoot, 'native')
  fs.mkdirSync(buildFolder, { recursive: true })
  await timed('building the benchmarks', async () => {
    await run('cmake', ['-S', source, '-B', buildFolder, '-G', 'Ninja', '-DOLMP_BENCH=ON', ...without])
    const jobs = String(os.availableParallelism())
    await run('cmake', ['--build', buildFolder, '-j', jobs, '--target', ...programs])
  })
}

/** The first Python that has PyTorch, or null: Debian's own may stand behind another on the path. */
export function findPeer() {
  const python = ['python3', '/usr/bin/python3'].find((command) => has(command, ['-c', 'import torch']))
  if (python === undefined) return null
  const version = spawnSync(python, ['-c', 'import torch; print(torch.__version__)'], { encoding: 'utf8' })
  return { python, version: version.stdout.trim() }
}

function output(command, args) {
  const { status, stdout, stderr, error } = spawnSync(command, args, { env, encoding: 'utf8' })
  if (status === 0) return stdout
  throw new SetupError(`${[command, ...args].join(' ')} failed: ${error?.message ?? stderr.trim()}`)
}

/** Times by part, `{ median, min }` in microseconds. */
export function runOurs(program, args) {
  return parseTimes(output(path.join(buildFolder, program), args.map(String)))
}

/** sparse_step's times on one kind of masks: it prints a heading before each. */
export function runFrozen(args) {
  const text = output(path.join(buildFolder, 'sparse_step'), args.map(String))
  return parseTimes(text.slice(text.indexOf('frozen masks')))
}

export function runPeer(peer, args) {
  return JSON.parse(output(peer.python, [peerScript, ...args.map(String)]))
}
