// Which npm packages a package of the app holds: as folders in it, and inside its bundles.
import fs from 'node:fs'
import path from 'node:path'
import { SetupError } from '../setup/shell.mjs'
import { bundledPackagesFile } from './bundledPackages.mjs'
import { bundlesFolder, inProject } from './places.mjs'

/** Dependencies that only an install script or a compiler uses; electron-builder.yml leaves the same ones out. */
const notAtRunTime = {
  'onnxruntime-node': ['adm-zip', 'global-agent'],
  'classic-level': ['napi-macros'],
  '@photostructure/sqlite': ['node-addon-api'],
}

export const manifestOf = (folder) => JSON.parse(fs.readFileSync(path.join(folder, 'package.json'), 'utf8'))

/** The folder that Node finds `name` in when a module of `folder` asks for it. */
function resolvePackage(name, folder) {
  for (let at = folder; ; at = path.dirname(at)) {
    const candidate = path.join(at, 'node_modules', name)
    if (fs.existsSync(path.join(candidate, 'package.json'))) return candidate
    if (path.dirname(at) === at) return undefined
  }
}

function visitDependencies(folder, found) {
  const { name, dependencies = {} } = manifestOf(folder)
  for (const dependency of Object.keys(dependencies)) {
    if (notAtRunTime[name]?.includes(dependency)) continue
    const place = resolvePackage(dependency, folder)
    if (place === undefined) throw new SetupError(`${name} needs ${dependency}, which is not installed`)
    if (found.has(place)) continue
    found.add(place)
    visitDependencies(place, found)
  }
}

/** The production dependencies that run, as folders. */
export function runtimePackages() {
  const found = new Set()
  visitDependencies(inProject('.'), found)
  return [...found].sort()
}

/** Production dependencies, nested ones included, that nothing loads when the app runs: names, to be left out. */
export function installOnlyPackages() {
  const needed = new Set(runtimePackages())
  const left = new Set()
  const visit = (folder) => {
    for (const dependency of Object.keys(manifestOf(folder).dependencies ?? {})) {
      const place = resolvePackage(dependency, folder)
      if (place === undefined || left.has(place) || needed.has(place)) continue
      left.add(place)
      visit(place)
    }
  }
  visit(inProject('.'))
  needed.forEach(visit)
  return [...left].map((folder) => path.relative(inProject('.'), folder).replaceAll('\\', '/')).sort()
}

/** Packages whose code is inside the bundles, as the build wrote them down. */
export function bundledPackages() {
  const folders = ['main', 'preload', 'renderer', 'cli'].flatMap((bundle) => {
    const file = path.join(bundlesFolder, bundle, bundledPackagesFile)
    if (!fs.existsSync(file)) throw new SetupError(`${file} is missing: build the bundles again`)
    return JSON.parse(fs.readFileSync(file, 'utf8'))
  })
  return [...new Set(folders)].sort()
}
