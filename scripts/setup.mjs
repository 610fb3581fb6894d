// Everything a fresh clone needs before it can run, each step skipped where it is done already.
import { ensureBundles } from './setup/bundle.mjs'
import { ensureDependencies } from './setup/dependencies.mjs'
import { ensureElectron } from './setup/electron.mjs'
import { ensureNative } from './setup/native.mjs'
import { ensureSystemPackages } from './setup/systemPackages.mjs'
import { SetupError } from './setup/shell.mjs'

/** `window: false` leaves out Electron and what only the app needs. */
export async function setup({ window = true } = {}) {
  requireNode()
  await ensureSystemPackages({ window })
  await ensureDependencies()
  if (window) await ensureElectron()
  await ensureNative()
  await ensureBundles({ window })
}

function requireNode() {
  const major = Number(process.versions.node.split('.')[0])
  if (major < 20) throw new SetupError(`Node ${process.versions.node} is too old: install Node 20 or newer`)
}

/** Runs a script's main function; a SetupError is told in its own words, anything else with its stack. */
export async function main(work) {
  try {
    await work()
  } catch (error) {
    if (!(error instanceof SetupError)) throw error
    console.error(`setup: ${error.message}`)
    process.exitCode = 1
  }
}

if (process.argv[1] === import.meta.filename) await main(() => setup())
