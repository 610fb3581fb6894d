// node_modules as package-lock.json says.
import fs from 'node:fs'
import path from 'node:path'
import { projectRoot, run, timed } from './shell.mjs'

function readPackages(file) {
  try {
    return JSON.parse(fs.readFileSync(file, 'utf8')).packages ?? {}
  } catch {
    return undefined
  }
}

/** Compares with the lock file that npm writes into node_modules as the last act of an install. */
export function dependenciesAreCurrent() {
  const wanted = readPackages(path.join(projectRoot, 'package-lock.json'))
  const installed = readPackages(path.join(projectRoot, 'node_modules/.package-lock.json'))
  if (wanted === undefined || installed === undefined) return false
  return Object.entries(wanted).every(([place, entry]) => {
    if (place === '') return true
    const present = installed[place]
    if (present === undefined)
      return entry.optional === true || entry.devOptional === true || entry.peer === true
    return present.version === entry.version && present.integrity === entry.integrity
  })
}

export async function ensureDependencies() {
  if (dependenciesAreCurrent()) return
  // Nothing here needs a package's install script: the binaries used come inside the packages, and Electron has a step
  // of its own. Without scripts npm has nothing to ask and nothing to download from elsewhere.
  await timed('npm ci', () => run('npm', ['ci', '--ignore-scripts', '--loglevel=error', '--no-progress']))
}
