// The packages of this platform: electron-builder's, and the plain archive of its folder.
import { execFileSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { build, Platform } from 'electron-builder'
import { projectRoot } from '../setup/shell.mjs'
import { inProject, inStaging, releaseFolder, bundlesFolder } from './places.mjs'
import { neededGlibc, neededLibstdcxx } from './nativeLibraries.mjs'
import { installOnlyPackages } from './shippedPackages.mjs'

/** What Electron's executable is linked to, as Debian 12 and (t64) Debian 13 and Ubuntu 24.04 name it. */
const electronDepends = [
  'libasound2 | libasound2t64',
  'libatk-bridge2.0-0 | libatk-bridge2.0-0t64',
  'libatk1.0-0 | libatk1.0-0t64',
  'libatspi2.0-0 | libatspi2.0-0t64',
  'libcairo2',
  'libcups2 | libcups2t64',
  'libdbus-1-3',
  'libdrm2',
  'libexpat1',
  'libgbm1',
  'libglib2.0-0 | libglib2.0-0t64',
  'libgtk-3-0 | libgtk-3-0t64',
  'libnspr4',
  'libnss3',
  'libpango-1.0-0',
  'libudev1',
  'libx11-6',
  'libxcb1',
  'libxcomposite1',
  'libxdamage1',
  'libxext6',
  'libxfixes3',
  'libxkbcommon0',
  'libxrandr2',
  'zlib1g',
]

function debianDepends() {
  return [
    `libc6 (>= ${neededGlibc()})`,
    'libgcc-s1',
    `libstdc++6 (>= ${neededLibstdcxx()})`,
    ...electronDepends,
  ]
}

/** Commands in /usr/bin that dpkg owns, so that nothing is left when it removes them; and the icon for any size. */
export function stageDebianExtras(productName, executable) {
  const folder = inStaging('usr/bin')
  fs.mkdirSync(folder, { recursive: true })
  for (const command of ['olmp', executable])
    fs.symlinkSync(`../../opt/${productName}/${command}`, path.join(folder, command))
  const icons = inStaging('usr/share/icons/hicolor/scalable/apps')
  fs.mkdirSync(icons, { recursive: true })
  fs.copyFileSync(inProject('resources/icons/icon.svg'), path.join(icons, `${executable}.svg`))
  const documents = inStaging(`usr/share/doc/${executable}`)
  fs.mkdirSync(documents, { recursive: true })
  const pointer = `The notices of what it contains: /opt/${productName}/resources/notices/THIRD_PARTY_NOTICES.txt`
  const licence = fs.readFileSync(inProject('LICENSE'), 'utf8').trim()
  fs.writeFileSync(path.join(documents, 'copyright'), `${licence}\n\n${pointer}\n`)
}

/** electron-builder's configuration over electron-builder.yml. */
function configuration(info, platform) {
  const name = info.testBuild ? 'OLMP Studio (test build)' : 'OLMP Studio'
  return {
    electronVersion: info.electron,
    extraMetadata: { version: info.version },
    files: [
      {
        from: path.relative(projectRoot, bundlesFolder),
        to: 'out',
        filter: ['**/*', '!**/*.map', '!**/bundled-packages.json', '!**/.built'],
      },
      ...installOnlyPackages().map((folder) => `!${folder}/**`),
    ],
    ...(platform === 'linux'
      ? { linux: { desktop: { entry: { Name: name } } }, deb: { depends: debianDepends() } }
      : {}),
  }
}

/** Runs electron-builder; answers the files it made. */
export async function runElectronBuilder(info, targets) {
  const platform = { linux: Platform.LINUX, darwin: Platform.MAC, win32: Platform.WINDOWS }[process.platform]
  if (process.platform === 'linux') process.env.CUSTOM_FPM_PATH = inProject('scripts/dist/fpm.mjs')
  return build({
    projectDir: projectRoot,
    targets: platform.createTarget(targets),
    config: configuration(info, process.platform),
    publish: 'never',
  })
}

/** The unpacked app of this platform and architecture, as electron-builder names its folder. */
export function unpackedFolder() {
  const arch = process.arch === 'x64' ? '' : `-${process.arch}`
  const name = { linux: `linux${arch}-unpacked`, win32: `win${arch}-unpacked`, darwin: `mac${arch}` }[
    process.platform
  ]
  return path.join(releaseFolder, name)
}

/** As reproducible as the folder: sorted, owned by root, dated by the commit. */
export function makeArchive(info) {
  const name = `olmp-studio-${info.version}-linux-${process.arch}`
  const file = path.join(releaseFolder, `${name}.tar.gz`)
  const date = info.date === null ? [] : [`--mtime=${info.date}`]
  const flags = ['--sort=name', '--owner=0', '--group=0', '--numeric-owner', ...date]
  const pack = `tar ${flags.join(' ')} --transform 's,^\\.,${name},' -C "$1" -cf - . | gzip -n > "$2"`
  execFileSync('sh', ['-c', pack, 'sh', unpackedFolder(), file])
  return file
}
