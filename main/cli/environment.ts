// Where the terminal command finds the addon's data: the same folders the app uses, without Electron.

import os from 'node:os'
import path from 'node:path'

/** Converted datasets: safe to delete. $OLMP_CACHE, else $XDG_CACHE_HOME/olmp-studio, else the system's custom. */
export function cacheFolder(): string {
  if (process.env.OLMP_CACHE) return path.resolve(process.env.OLMP_CACHE)
  if (process.platform === 'win32')
    return path.join(process.env.LOCALAPPDATA ?? os.homedir(), 'olmp-studio', 'Cache')
  if (process.platform === 'darwin') return path.join(os.homedir(), 'Library', 'Caches', 'olmp-studio')
  return path.join(process.env.XDG_CACHE_HOME ?? path.join(os.homedir(), '.cache'), 'olmp-studio')
}

/** One thread per core the process may use; the engine gains nothing from more. */
export function defaultThreads(): number {
  return os.availableParallelism()
}
