// What the package test does to the machine it runs on: apt, a user for the time of the test, lists of files.

import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { existsSync, lstatSync, readdirSync, rmSync } from 'node:fs'
import path from 'node:path'

export const projectRoot = path.resolve(import.meta.dirname, '../..')

export interface Outcome {
  status: number | null
  stdout: string
  stderr: string
}

export function run(
  command: string,
  args: string[],
  options: { env?: NodeJS.ProcessEnv } = {},
): Promise<Outcome> {
  const child = spawn(command, args, {
    cwd: projectRoot,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: options.env ?? process.env,
  })
  let stdout = ''
  let stderr = ''
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()))
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (status) => resolve({ status, stdout, stderr }))
  })
}

export async function mustRun(
  command: string,
  args: string[],
  options: { env?: NodeJS.ProcessEnv } = {},
): Promise<string> {
  const outcome = await run(command, args, options)
  if (outcome.status === 0) return outcome.stdout
  throw new Error(
    `${[command, ...args].join(' ')}: exit ${outcome.status}\n${outcome.stdout}\n${outcome.stderr}`,
  )
}

const works = (command: string, ...args: string[]) =>
  spawnSync(command, args, { stdio: 'ignore' }).status === 0

/** Why the package cannot be installed and tried here; undefined where it can. */
export function obstacle(packageName: string): string | undefined {
  if (process.platform !== 'linux') return 'the .deb is for Linux'
  if (process.getuid?.() !== 0) return 'installing a package needs root'
  for (const command of ['apt-get', 'dpkg-deb', 'useradd', 'runuser', 'unshare', 'Xvfb'])
    if (!works('sh', '-c', `command -v ${command}`)) return `there is no ${command} here`
  if (!works('unshare', '--net', 'true')) return 'no network namespace can be made here'
  if (works('dpkg-query', '-W', packageName))
    return `${packageName} is installed here; the test would remove it`
  return undefined
}

const apt = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }

export const aptInstall = (file: string) =>
  mustRun('apt-get', ['install', '-y', '--no-install-recommends', file], { env: apt })

export const aptPurge = (name: string) => mustRun('apt-get', ['purge', '-y', name], { env: apt })

export interface TemporaryUser {
  name: string
  home: string
  /** Runs a command with nothing of root's environment, for at most a minute. */
  run(command: string, args: string[], environment?: Record<string, string>): Promise<Outcome>
  /** Takes user and home away. */
  remove(): void
}

/** A user like any other, with a home. */
export function temporaryUser(name: string): TemporaryUser {
  const home = `/tmp/${name}`
  const remove = () => {
    spawnSync('userdel', ['--force', name], { stdio: 'ignore' })
    rmSync(home, { recursive: true, force: true })
  }
  remove()
  execFileSync('useradd', ['--create-home', '--home-dir', home, '--shell', '/bin/sh', name], {
    stdio: 'ignore',
  })
  return {
    name,
    home,
    run(command, args, environment = {}) {
      const own = { HOME: home, USER: name, PATH: '/usr/bin:/bin', LANG: 'C.UTF-8', ...environment }
      const settings = Object.entries(own).map(([key, value]) => `${key}=${value}`)
      return run('runuser', ['-u', name, '--', 'env', '-i', ...settings, 'timeout', '60', command, ...args])
    },
    remove,
  }
}

const watchedFolders = [
  '/opt',
  '/usr/bin',
  '/usr/sbin',
  '/usr/local',
  '/usr/share',
  '/etc',
  '/var/lib/dpkg/alternatives',
]

/** Files, folders and links in every place where a package might put or make something. */
export function systemFiles(): Set<string> {
  const found = new Set<string>()
  const visit = (entry: string) => {
    found.add(entry)
    if (!lstatSync(entry).isDirectory()) return
    for (const name of readdirSync(entry)) visit(path.join(entry, name))
  }
  watchedFolders.filter((folder) => existsSync(folder)).forEach(visit)
  return found
}

/** Indices that other packages' triggers make when an application or icon comes or goes; they stay and are theirs. */
const systemIndices = /\/(icon-theme\.cache|mimeinfo\.cache|mime\.cache)$/

/** Those that no installed package owns: dependencies that apt brought along stay, and may. */
export function unowned(files: Iterable<string>): string[] {
  const candidates = [...files].filter((file) => !systemIndices.test(file))
  return candidates.filter((file) => !works('dpkg-query', '-S', file))
}
