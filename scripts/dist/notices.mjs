// The notices of everything in the package, as one text: notices/THIRD_PARTY_NOTICES.txt.
import { execFileSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { SetupError } from '../setup/shell.mjs'
import { inProject, inStaging } from './places.mjs'
import { bundledPackages, manifestOf, runtimePackages } from './shippedPackages.mjs'

const licenceFile = /^(licen[cs]e|copying|notice|thirdpartynotices)([-.].*)?$/i

const read = (file) => fs.readFileSync(file, 'utf8').replaceAll('\r\n', '\n').trim()

/** Where a package's own licence file is absent, or does not cover code that is compiled into it. */
const textsElsewhere = {
  'onnxruntime-node': ['resources/notices/onnxruntime.txt'],
  'onnxruntime-common': ['resources/notices/onnxruntime.txt'],
  'classic-level': [
    'node_modules/classic-level/deps/leveldb/leveldb-1.20/LICENSE',
    'node_modules/classic-level/deps/snappy/snappy/COPYING',
  ],
}

const addedText = {
  '@photostructure/sqlite': 'It contains SQLite, which its authors have put into the public domain.',
}

function npmComponent(folder) {
  const { name, version, license, homepage } = manifestOf(folder)
  const texts = fs
    .readdirSync(folder)
    .filter((file) => licenceFile.test(file))
    .sort()
    .map((file) => read(path.join(folder, file)))
  for (const file of textsElsewhere[name] ?? []) texts.push(read(inProject(file)))
  if (name in addedText) texts.push(addedText[name])
  return { name, version, licence: license, homepage, texts }
}

/** A library that Debian packages: its copyright file has every notice and the licences by name. */
function debianComponent(name, file) {
  const owner = execFileSync('dpkg-query', ['-S', file], { encoding: 'utf8' }).split(':')[0]
  const version = execFileSync('dpkg-query', ['-W', '-f', '${Version}\n', owner], { encoding: 'utf8' })
  const text = read(`/usr/share/doc/${owner}/copyright`)
  return { name: `${name} (Debian package ${owner})`, version: version.split('\n')[0], texts: [text] }
}

/** Homebrew keeps a formula's licence files in the folder of its version, vcpkg its port's in share/<port>/copyright. */
function otherComponent(name, file) {
  let folder = path.dirname(file)
  for (let i = 0; i < 3; i++, folder = path.dirname(folder)) {
    const found = fs.readdirSync(folder).filter((entry) => licenceFile.test(entry))
    if (found.length > 0) return { name, texts: found.map((entry) => read(path.join(folder, entry))) }
  }
  return { name, texts: [] }
}

function vcpkgComponents() {
  const root = process.env.VCPKG_INSTALLED_DIR
  if (root === undefined || !fs.existsSync(root)) return []
  return fs.readdirSync(root).flatMap((triplet) => {
    const share = path.join(root, triplet, 'share')
    if (!fs.existsSync(share)) return []
    return fs
      .readdirSync(share)
      .filter((port) => fs.existsSync(path.join(share, port, 'copyright')))
      .map((port) => ({ name: port, texts: [read(path.join(share, port, 'copyright'))] }))
  })
}

function nativeComponents(libraries) {
  if (process.platform === 'win32') return vcpkgComponents()
  const component = process.platform === 'linux' ? debianComponent : otherComponent
  return Object.entries(libraries).map(([name, file]) => component(name, file))
}

/** Headers that are compiled into the addon. */
function headerComponents() {
  const components = [npmComponent(inProject('node_modules/node-addon-api'))]
  const json = '/usr/include/nlohmann/json.hpp'
  if (process.platform === 'linux' && fs.existsSync(json))
    components.push(debianComponent('nlohmann/json (headers)', json))
  return components
}

/** Debian's copyright files name long licences by their place on a Debian system: they are put at the end in full. */
function commonLicences(components) {
  const names = new Set()
  for (const { texts } of components)
    for (const text of texts)
      for (const [, name] of text.matchAll(/\/usr\/share\/common-licenses\/([\w.+-]*\w)/g)) names.add(name)
  return [...names]
    .sort()
    .map((name) => ({ name, file: `/usr/share/common-licenses/${name}` }))
    .filter(({ file }) => fs.existsSync(file))
    .map(({ name, file }) => ({ name: `Licence text: ${name}`, texts: [read(file)] }))
}

/** What onnxruntime's own library contains is listed in its repository only; `undefined` without a network. */
async function onnxruntimeNotices() {
  const { version } = manifestOf(inProject('node_modules/onnxruntime-node'))
  const address = `https://raw.githubusercontent.com/microsoft/onnxruntime/v${version}/ThirdPartyNotices.txt`
  try {
    const answer = await fetch(address, { signal: AbortSignal.timeout(20_000) })
    return answer.ok ? { address, text: (await answer.text()).trim() } : { address }
  } catch {
    return { address }
  }
}

function section({ name, version, licence, homepage, texts }) {
  const title = [name, version].filter(Boolean).join(' ')
  const facts = [licence && `Licence: ${licence}`, homepage].filter(Boolean)
  return ['='.repeat(100), title, ...facts, '-'.repeat(100), texts.join('\n\n'), ''].join('\n')
}

const introduction = `Third-party notices of OLMP Studio

OLMP Studio itself is under the MIT licence (LICENSE.txt beside this file). It contains the works below, each under the
licence given with it. Electron's licence and those of Chromium and what it contains are the files LICENSE.electron.txt
and LICENSES.chromium.html in the app's folder.
`

/** Writes the notices and answers `{ components, leftOut: [reason] }`. Refuses to ship a work without its text. */
export async function stageNotices(libraries) {
  const folder = inStaging('notices')
  fs.mkdirSync(folder, { recursive: true })
  const packages = [...new Set([...runtimePackages(), ...bundledPackages()])].map(npmComponent)
  const components = [...packages, ...nativeComponents(libraries), ...headerComponents()]
  const without = components.filter(({ texts }) => texts.length === 0)
  if (without.length > 0)
    throw new SetupError(
      `no licence text for ${without.map(({ name }) => name).join(', ')}: add it in ${import.meta.filename}`,
    )
  const leftOut = []
  const { address, text } = await onnxruntimeNotices()
  if (text === undefined) leftOut.push(`notices of what onnxruntime contains (${address} is not reachable)`)
  components.push(
    { name: 'What onnxruntime contains', homepage: address, texts: [text ?? 'Listed at the address above.'] },
    { name: 'MNIST', texts: [read(inProject('resources/notices/mnist.txt'))] },
    { name: 'Sample models', texts: [read(inProject('resources/notices/samples.txt'))] },
  )
  const all = [...components, ...commonLicences(components)]
  fs.writeFileSync(
    path.join(folder, 'THIRD_PARTY_NOTICES.txt'),
    [introduction, ...all.map(section)].join('\n'),
  )
  fs.copyFileSync(inProject('LICENSE'), path.join(folder, 'LICENSE.txt'))
  return { components: all.length, leftOut }
}
