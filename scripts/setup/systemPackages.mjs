// What comes from the system: compiler, build tools and the C/C++ libraries; for the window, Electron's libraries.
import { spawnSync } from 'node:child_process'
import { has, run, say, SetupError, timed } from './shell.mjs'

// `a|b`: the package's names in different releases of Debian and Ubuntu, any of which will do.
const enginePackages = [
  'g++',
  'cmake',
  'ninja-build',
  'libdnnl-dev',
  'liblmdb-dev',
  'libjpeg62-turbo-dev|libjpeg-dev',
  'libpng-dev',
  'doctest-dev',
  'nlohmann-json3-dev',
]

const windowPackages = [
  'unzip',
  'xvfb',
  'xauth',
  'libgtk-3-0|libgtk-3-0t64',
  'libnss3',
  'libgbm1',
  'libasound2|libasound2t64',
  'libatk-bridge2.0-0|libatk-bridge2.0-0t64',
  'libxss1',
  'fonts-noto-cjk',
]

/** What `npm run dist` needs besides: readelf and strip come with the compiler. */
const packagingPackages = ['patchelf']

function missingPackages(packages) {
  const names = packages.flatMap((entry) => entry.split('|'))
  const query = spawnSync('dpkg-query', ['-W', '-f', '${Package} ${db:Status-Status}\\n', ...names], {
    encoding: 'utf8',
  })
  const installed = new Set(
    (query.stdout ?? '')
      .split('\n')
      .filter((line) => line.endsWith(' installed'))
      .map((line) => line.split(' ')[0]),
  )
  return packages.filter((entry) => !entry.split('|').some((name) => installed.has(name)))
}

/** The name that this release has. Before the first `apt-get update` there may be no lists: then the first. */
function releaseName(entry) {
  const names = entry.split('|')
  return names.find((name) => has('apt-cache', ['show', name])) ?? names[0]
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
  await ensurePackages(window ? [...enginePackages, ...windowPackages] : enginePackages)
}

export async function ensurePackagingPackages() {
  if (process.platform !== 'linux') return
  if (has('dpkg-query')) await ensurePackages(packagingPackages)
  else if (!has('patchelf')) throw new SetupError('patchelf is needed: install it with your package manager')
}

async function ensurePackages(packages) {
  const missing = missingPackages(packages)
  if (missing.length === 0) return
  const prefix = rootPrefix()
  if (prefix === undefined) {
    throw new SetupError(
      `system packages are missing; paste this, then start again:\n` +
        `sudo apt-get update && sudo apt-get install -y --no-install-recommends ${missing.map(releaseName).join(' ')}`,
    )
  }
  say(`missing system packages: ${missing.join(' ')}`)
  await timed('apt-get install', async () => {
    await aptGet(prefix, ['update', '-qq'])
    await aptGet(prefix, ['install', '-y', '-qq', '--no-install-recommends', ...missing.map(releaseName)])
  })
}
