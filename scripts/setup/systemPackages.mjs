// What comes from the system: compiler, build tools and the C/C++ libraries; for the window, Electron's libraries.
import { spawnSync } from 'node:child_process'
import { has, run, say, SetupError, timed } from './shell.mjs'

const enginePackages = [
  'g++',
  'cmake',
  'ninja-build',
  'libdnnl-dev',
  'liblmdb-dev',
  'libjpeg62-turbo-dev',
  'libpng-dev',
  'doctest-dev',
  'nlohmann-json3-dev',
]

const windowPackages = [
  'unzip',
  'xvfb',
  'xauth',
  'libgtk-3-0',
  'libnss3',
  'libgbm1',
  'libasound2',
  'libatk-bridge2.0-0',
  'libxss1',
  'fonts-noto-cjk',
]

function missingPackages(packages) {
  const query = spawnSync('dpkg-query', ['-W', '-f', '${Package} ${db:Status-Status}\\n', ...packages], {
    encoding: 'utf8',
  })
  const installed = new Set(
    (query.stdout ?? '')
      .split('\n')
      .filter((line) => line.endsWith(' installed'))
      .map((line) => line.split(' ')[0]),
  )
  return packages.filter((name) => !installed.has(name))
}

function rootPrefix() {
  if (process.getuid?.() === 0) return []
  return has('sudo', ['-n', 'true']) ? ['sudo', '-n'] : undefined
}

async function aptGet(prefix, args) {
  const [command, ...rest] = [...prefix, 'env', 'DEBIAN_FRONTEND=noninteractive', 'apt-get', ...args]
  await run(command, rest)
}

/** The same needs where there is no apt; checked by the programs that can be looked for. */
function requireOtherPlatform() {
  const advice =
    process.platform === 'darwin'
      ? 'brew install cmake ninja onednn lmdb jpeg-turbo libpng libomp doctest nlohmann-json'
      : process.platform === 'win32'
        ? 'winget install Kitware.CMake Ninja-build.Ninja Microsoft.VisualStudio.2022.BuildTools; ' +
          'vcpkg install onednn lmdb libjpeg-turbo libpng doctest nlohmann-json'
        : 'install with your package manager: a C++17 compiler, cmake, ninja, and the development files of ' +
          'oneDNN, LMDB, libjpeg, libpng, doctest and nlohmann-json'
  if (!has('cmake') || !has('ninja')) throw new SetupError(`cmake and ninja are needed: ${advice}`)
}

export async function ensureSystemPackages({ window }) {
  if (process.platform !== 'linux' || !has('dpkg-query')) {
    requireOtherPlatform()
    return
  }
  const missing = missingPackages(window ? [...enginePackages, ...windowPackages] : enginePackages)
  if (missing.length === 0) return
  const prefix = rootPrefix()
  if (prefix === undefined) {
    throw new SetupError(
      `system packages are missing; paste this, then start again:\n` +
        `sudo apt-get update && sudo apt-get install -y --no-install-recommends ${missing.join(' ')}`,
    )
  }
  say(`missing system packages: ${missing.join(' ')}`)
  await timed('apt-get install', async () => {
    await aptGet(prefix, ['update', '-qq'])
    await aptGet(prefix, ['install', '-y', '-qq', '--no-install-recommends', ...missing])
  })
}
