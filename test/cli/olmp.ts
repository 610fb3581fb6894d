// Runs the real terminal command in a process of its own.

import { spawn, type ChildProcess } from 'node:child_process'
import path from 'node:path'

const projectRoot = path.resolve(import.meta.dirname, '../..')
export const samplesFolder = path.join(projectRoot, 'resources/samples')

export interface Outcome {
  status: number | null
  stdout: string
  stderr: string
}

export interface RunOptions {
  cache: string
  /** Called with everything printed so far. */
  onOutput?: (text: string, child: ChildProcess) => void
}

export function olmp(args: string[], { cache, onOutput }: RunOptions): Promise<Outcome> {
  const child = spawn(process.execPath, [path.join(projectRoot, 'scripts/olmp.mjs'), ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, OLMP_CACHE: cache },
  })
  let stdout = ''
  let stderr = ''
  child.stdout.on('data', (chunk: Buffer) => {
    stdout += chunk.toString()
    onOutput?.(stdout + stderr, child)
  })
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk.toString()
    onOutput?.(stdout + stderr, child)
  })
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (status) => resolve({ status, stdout, stderr }))
  })
}

/** The one object that --json prints. */
export function jsonOf<T>(outcome: Outcome): T {
  if (outcome.status !== 0) throw new Error(`exit status ${outcome.status}:\n${outcome.stderr}`)
  return JSON.parse(outcome.stdout) as T
}
