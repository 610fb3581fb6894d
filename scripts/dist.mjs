// `npm run dist`: set-up, then the packages of this system into release/. `npm run dist -- deb` makes only those named.
// What cannot be made here is named at the end, with the reason.
import fs from 'node:fs'
import path from 'node:path'
import { describeBuild, stageBuildInfo } from './dist/buildInfo.mjs'
import { stageMnist } from './dist/mnist.mjs'
import { stageNativeLibraries } from './dist/nativeLibraries.mjs'
import { stageNotices } from './dist/notices.mjs'
import { inProject, releaseFolder, stagingFolder } from './dist/places.mjs'
import { main, setup } from './setup.mjs'
import { ensurePackagingPackages } from './setup/systemPackages.mjs'
import { has, SetupError, timed } from './setup/shell.mjs'

/** Targets of a platform; those with `network` make electron-builder download tools. */
const platformTargets = {
  linux: [{ name: 'dir' }, { name: 'deb' }, { name: 'tar.gz' }, { name: 'AppImage', network: true }],
  win32: [{ name: 'dir' }, { name: 'nsis', network: true }],
  darwin: [{ name: 'dir' }, { name: 'dmg', network: true }],
}

function wantedTargets(names) {
  const known = platformTargets[process.platform]
  if (known === undefined) throw new SetupError(`there are no packages for ${process.platform}`)
  const unknown = names.filter((name) => !known.some((target) => target.name === name))
  if (unknown.length > 0)
    throw new SetupError(
      `no such package here: ${unknown.join(', ')} (there are ${known.map(({ name }) => name).join(', ')})`,
    )
  return names.length === 0 ? known : known.filter(({ name }) => names.includes(name))
}

async function toolsCanBeDownloaded() {
  try {
    const answer = await fetch('https://github.com', { method: 'HEAD', signal: AbortSignal.timeout(8000) })
    return answer.ok
  } catch {
    return false
  }
}

function bytesBelow(entry) {
  const stat = fs.lstatSync(entry)
  if (!stat.isDirectory()) return stat.size
  return fs.readdirSync(entry).reduce((sum, name) => sum + bytesBelow(path.join(entry, name)), 0)
}

const megabytes = (bytes) => `${(bytes / 1e6).toFixed(1)} MB`

await main(async () => {
  const targets = wantedTargets(process.argv.slice(2))
  await ensurePackagingPackages()
  await setup()
  // electron-builder and its helpers are there only once set-up has installed them
  const packages = await import('./dist/packages.mjs')
  const leftOut = []
  const network = targets.some((target) => target.network) && (await toolsCanBeDownloaded())
  const possible = targets.filter((target) => {
    if (target.network && !network)
      leftOut.push(
        `${target.name}: electron-builder's tools for it come from github.com, which is not reachable`,
      )
    if (target.name === 'deb' && !has('dpkg-deb')) {
      leftOut.push('deb: there is no dpkg-deb here')
      return false
    }
    return !target.network || network
  })

  fs.rmSync(stagingFolder, { recursive: true, force: true })
  fs.mkdirSync(stagingFolder, { recursive: true })
  const info = describeBuild()
  if (info.date !== null) process.env.SOURCE_DATE_EPOCH = String(Date.parse(info.date) / 1000)
  stageBuildInfo(info)
  await timed('packaging: MNIST, compressed', () => stageMnist())
  const libraries = await timed('packaging: the engine and its libraries', () => stageNativeLibraries())
  const notices = await stageNotices(libraries)
  leftOut.push(...notices.leftOut)
  if (process.platform === 'linux') packages.stageDebianExtras('OLMP Studio', 'olmp-studio')

  fs.rmSync(releaseFolder, { recursive: true, force: true })
  const builders = possible.map(({ name }) => name).filter((name) => name !== 'tar.gz')
  const made = await packages.runElectronBuilder(info, builders.length === 0 ? ['dir'] : builders)
  if (possible.some(({ name }) => name === 'tar.gz'))
    made.push(await timed('packaging: tar.gz', () => packages.makeArchive(info)))

  const kind = info.testBuild ? 'TEST BUILD' : 'release'
  console.log(
    `OLMP Studio ${info.version} (${kind}, Electron ${info.electron}, commit ${info.commit ?? 'unknown'})`,
  )
  const unpacked = packages.unpackedFolder()
  console.log(`  ${path.relative(inProject('.'), unpacked)}: ${megabytes(bytesBelow(unpacked))} unpacked`)
  for (const file of made.filter((entry) => fs.existsSync(entry) && fs.statSync(entry).isFile()))
    console.log(`  ${path.relative(inProject('.'), file)}: ${megabytes(fs.statSync(file).size)}`)
  console.log(`  notices of ${notices.components} works`)
  for (const reason of leftOut) console.log(`LEFT OUT: ${reason}`)
})
