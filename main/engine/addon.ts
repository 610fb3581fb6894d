// Finds and loads the native addon.

import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

import { AppError } from '../net/errors'
import type { EngineAddon } from './binding'

const load = createRequire(import.meta.url)

/** The nearest folder above this module that holds package.json: sources and bundles lie at different depths. */
function projectRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url))
  while (!existsSync(join(folder, 'package.json')) && dirname(folder) !== folder) folder = dirname(folder)
  return folder
}

/** Set by Electron; absent in plain Node. */
function resourcesPath(): string | undefined {
  const path: unknown = Reflect.get(process, 'resourcesPath')
  return typeof path === 'string' ? path : undefined
}

/** Where the addon may be, in the order in which it is looked for. */
export function addonCandidates(): string[] {
  if (process.env.OLMP_ADDON) return [process.env.OLMP_ADDON]
  const resources = resourcesPath()
  return [
    join(projectRoot(), 'native', 'build', 'olmp.node'),
    ...(resources === undefined ? [] : [join(resources, 'native', 'olmp.node')]),
  ]
}

function isEngineAddon(value: unknown): value is EngineAddon {
  return typeof value === 'object' && value !== null && 'createSession' in value && 'systemInfo' in value
}

/** What to do about an addon that is missing or wrong: a checkout builds its own, an installed app came with one. */
function repairHint(): string {
  const packaged = resourcesPath() !== undefined && existsSync(join(resourcesPath() ?? '', 'buildInfo.json'))
  return packaged ? 'install the app again' : "build it with 'npm run setup'"
}

function loadFailure(file: string, cause: unknown): AppError {
  const reason = cause instanceof Error ? cause.message : String(cause)
  // dlopen: 'libdnnl.so.2: cannot open shared object file: No such file or directory'
  const library = /(\S+\.so[.\d]*): cannot open shared object file/.exec(reason)?.[1]
  const hint =
    library === undefined
      ? repairHint()
      : `install the library ${library} (Debian: libdnnl2 liblmdb0 libgomp1 libjpeg62-turbo libpng16-16)`
  return new AppError('addon-not-loaded', `the engine could not be loaded: ${reason}`, { file, hint, cause })
}

/** Loads the addon. Throws an AppError 'addon-missing' or 'addon-not-loaded' that says what to do. */
export function loadAddon(): EngineAddon {
  const candidates = addonCandidates()
  const file = candidates.find((candidate) => existsSync(candidate))
  if (file === undefined) {
    throw new AppError('addon-missing', 'the engine is not built', {
      file: candidates[0],
      hint: process.env.OLMP_ADDON ? 'OLMP_ADDON names a file that does not exist' : repairHint(),
    })
  }
  let loaded: unknown
  try {
    loaded = load(file)
  } catch (cause) {
    throw loadFailure(file, cause)
  }
  if (!isEngineAddon(loaded)) {
    throw new AppError('addon-not-loaded', 'the file is no engine of this program', {
      file,
      hint: repairHint(),
    })
  }
  return loaded
}
