// What Electron runs when it is given an app's folder on its command line: electron [-r module] [-v|-a] path/to/app.
// Electron's own default app is not part of the test runtime (scripts/setup/electron.mjs), so this one goes there.
import { app } from 'electron/main'
import fs from 'node:fs'
import Module from 'node:module'
import path from 'node:path'
import { pathToFileURL } from 'node:url'

function parseArguments(args) {
  const required = []
  for (let index = 0; index < args.length; index++) {
    const argument = args[index]
    if (argument === '-v' || argument === '--version') return { print: `v${process.versions.electron}` }
    if (argument === '-a' || argument === '--abi') return { print: process.versions.modules }
    if (argument === '-r' || argument === '--require') required.push(args[++index])
    else if (argument.startsWith('--app=')) return { required, target: argument.slice('--app='.length) }
    else if (!argument.startsWith('-')) return { required, target: argument }
  }
  return { required }
}

const { print, required, target } = parseArguments(process.argv.slice(1))
if (print !== undefined) {
  console.log(print)
  process.exit(0)
}
// Playwright hands itself in by -r
if (required.length > 0) Module._preloadModules(required)
if (target === undefined) {
  console.error('usage: electron [options] path/to/app')
  process.exit(1)
}

Object.defineProperty(process, 'defaultApp', { value: true, enumerable: true })
const folder = path.resolve(target)
let entry
try {
  entry = Module._resolveFilename(folder, null, true)
} catch (error) {
  console.error(`Unable to find Electron app at ${folder}\n${error.message}`)
  process.exit(1)
}

const manifestFile = path.join(folder, 'package.json')
if (fs.existsSync(manifestFile)) {
  const manifest = JSON.parse(fs.readFileSync(manifestFile, 'utf8'))
  if (manifest.version) app.setVersion(manifest.version)
  app.name = manifest.productName || manifest.name || app.name
  app.setDesktopName(manifest.desktopName || `${app.name}.desktop`)
  app.setAppPath(folder)
} else {
  app.setAppPath(path.dirname(entry))
}
// Top-level await on purpose: Electron holds back 'ready' until this ES module has been evaluated.
await import(pathToFileURL(entry).href)
