// The addon and the shared libraries it needs, in one folder that works wherever it is put.
import { execFileSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { addonFile } from '../setup/native.mjs'
import { SetupError } from '../setup/shell.mjs'
import { inStaging } from './places.mjs'

const output = (command, ...args) => execFileSync(command, args, { encoding: 'utf8', maxBuffer: 1 << 28 })

/** Part of every Debian and Ubuntu with a desktop: the package depends on these instead of carrying them. */
const fromTheSystem = /^(linux-vdso|ld-linux|lib(c|m|dl|rt|pthread|gcc_s|stdc\+\+|z)\.so)/

/** `{ soname: file }` of what the file needs, and what that needs. ldd resolves the whole closure. */
function linuxClosure(file) {
  const libraries = {}
  for (const line of output('ldd', file).split('\n')) {
    const [, soname, place] = /^\s*(\S+) => (\S.*?)(?: \(0x[\da-f]+\))?$/.exec(line) ?? []
    if (soname === undefined || fromTheSystem.test(soname)) continue
    if (place === 'not found') throw new SetupError(`${file} needs ${soname}, which is not installed`)
    libraries[soname] = fs.realpathSync(place)
  }
  return libraries
}

function stageLinux(folder) {
  const libraries = linuxClosure(addonFile)
  const places = { 'olmp.node': addonFile, ...libraries }
  for (const [name, source] of Object.entries(places)) {
    const target = path.join(folder, name)
    fs.copyFileSync(source, target)
    fs.chmodSync(target, 0o755)
    execFileSync('strip', ['--strip-unneeded', target])
    // RUNPATH is not inherited: each library gets its own
    execFileSync('patchelf', ['--set-rpath', '$ORIGIN', target])
  }
  return libraries
}

/** `{ name: file }` of the libraries of Homebrew and the like that the file refers to, and that those do. */
function macClosure(file, found = {}) {
  for (const line of output('otool', '-L', file).split('\n').slice(1)) {
    const place = line.trim().split(' (')[0]
    if (!place.startsWith('/') || /^\/(usr\/lib|System)\//.test(place)) continue
    const name = path.basename(place)
    if (name === path.basename(file) || name in found) continue
    found[name] = fs.realpathSync(place)
    macClosure(found[name], found)
  }
  return found
}

function stageMac(folder) {
  const libraries = macClosure(addonFile)
  const places = { 'olmp.node': addonFile, ...libraries }
  for (const [name, source] of Object.entries(places)) {
    const target = path.join(folder, name)
    fs.copyFileSync(source, target)
    fs.chmodSync(target, 0o755)
    execFileSync('strip', ['-x', target])
    for (const line of output('otool', '-L', target).split('\n').slice(1)) {
      const place = line.trim().split(' (')[0]
      const library = path.basename(place)
      if (library in libraries && place.startsWith('/'))
        execFileSync('install_name_tool', ['-change', place, `@loader_path/${library}`, target])
    }
    if (name !== 'olmp.node') execFileSync('install_name_tool', ['-id', `@loader_path/${name}`, target])
    // changing a Mach-O file voids its signature; without any, arm64 refuses to load it
    execFileSync('codesign', ['--force', '--sign', '-', target])
  }
  return libraries
}

/** The DLLs that dumpbin names and a folder of the PATH outside Windows has, and what those need: vcpkg's. */
function windowsClosure(file, found = {}) {
  const folders = (process.env.PATH ?? '').split(path.delimiter).filter((folder) => /vcpkg/i.test(folder))
  for (const [, name] of output('dumpbin', '/nologo', '/dependents', file).matchAll(
    /^\s+(\S+\.dll)\s*$/gim,
  )) {
    const place = folders
      .map((folder) => path.join(folder, name))
      .find((candidate) => fs.existsSync(candidate))
    if (place === undefined || name in found) continue
    found[name] = place
    windowsClosure(place, found)
  }
  return found
}

/** Windows looks for an addon's libraries beside it. */
function stageWindows(folder) {
  const libraries = windowsClosure(addonFile)
  const places = { 'olmp.node': addonFile, ...libraries }
  for (const [name, source] of Object.entries(places)) fs.copyFileSync(source, path.join(folder, name))
  return libraries
}

/** Answers which libraries were taken along, as `{ name: file on this machine }`. */
export function stageNativeLibraries() {
  const folder = inStaging('native')
  fs.mkdirSync(folder, { recursive: true })
  if (process.platform === 'darwin') return stageMac(folder)
  if (process.platform === 'win32') return stageWindows(folder)
  return stageLinux(folder)
}

function newest(versions) {
  const compare = (a, b) => a.localeCompare(b, 'en', { numeric: true })
  return [...new Set(versions)].sort(compare).at(-1)
}

/** The newest glibc that the staged files ask for, e.g. '2.34': a package built on a newer Debian needs a newer one. */
export function neededGlibc() {
  const folder = inStaging('native')
  const symbols = fs.readdirSync(folder).map((name) => output('objdump', '-T', path.join(folder, name)))
  return newest(symbols.flatMap((text) => [...text.matchAll(/GLIBC_(\d[\d.]*)/g)].map((match) => match[1])))
}

/** libstdc++6 is versioned as the GCC it comes from (GCC's libstdc++ manual, "ABI Policy and Guidelines"). */
export function neededLibstdcxx() {
  const folder = inStaging('native')
  const symbols = fs.readdirSync(folder).map((name) => output('objdump', '-T', path.join(folder, name)))
  const version = newest(
    symbols.flatMap((text) => [...text.matchAll(/GLIBCXX_3\.4\.(\d+)/g)].map((match) => match[1])),
  )
  const gcc = { 26: '9', 27: '9', 28: '9', 29: '11', 30: '12', 31: '13', 32: '13', 33: '14', 34: '15' }
  return Number(version) < 26 ? '8' : (gcc[version] ?? '15')
}
