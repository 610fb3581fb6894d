// Running programs and telling about it. Node built-ins only: this runs before node_modules exists.
import { spawn, spawnSync } from 'node:child_process'
import path from 'node:path'

export const projectRoot = path.resolve(import.meta.dirname, '../..')

/** A refusal a person can act on: printed without a stack. */
export class SetupError extends Error {}

export function say(text) {
  console.log(`setup: ${text}`)
}

/**
 * Runs a program to its end. Output is kept and shown only when it fails (or with OLMP_VERBOSE=1), so that a set-up
 * that works stays quiet.
 */
export async function run(command, args, options = {}) {
  const verbose = process.env.OLMP_VERBOSE === '1'
  const child = spawn(command, args, {
    cwd: projectRoot,
    // npm is a .cmd on Windows, which Node starts only through a shell
    shell: process.platform === 'win32' && command === 'npm',
    ...options,
    stdio: verbose ? ['ignore', 'inherit', 'inherit'] : ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  child.stdout?.on('data', (chunk) => (output += chunk))
  child.stderr?.on('data', (chunk) => (output += chunk))
  const status = await new Promise((resolve, reject) => {
    child.on('error', (error) => reject(new SetupError(`cannot start ${command}: ${error.message}`)))
    child.on('close', resolve)
  })
  if (status !== 0) {
    const tail = output.trimEnd().split('\n').slice(-60).join('\n')
    throw new SetupError(`${[command, ...args].join(' ')} failed (exit ${status})${tail && `:\n${tail}`}`)
  }
  return output
}

/** True where the program can be started. */
export function has(command, args = ['--version']) {
  return spawnSync(command, args, { stdio: 'ignore' }).status === 0
}

/** The set-up step's text and how long it took, where it did something worth a line. */
export async function timed(text, work) {
  say(`${text} ...`)
  const started = Date.now()
  const result = await work()
  say(`${text}: done in ${((Date.now() - started) / 1000).toFixed(1)} s`)
  return result
}
