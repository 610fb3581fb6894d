#!/usr/bin/env node
// Answers electron-builder's call `fpm -s dir -t deb ...` with dpkg-deb, by CUSTOM_FPM_PATH: no Ruby, no download, and a
// control file of our own. Understands what electron-builder 26 passes.
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'

const repeated = { '-d': 'depends', '--deb-recommends': 'recommends' }

function parse(args) {
  const parsed = { depends: [], recommends: [], places: [], options: {} }
  for (let i = 0; i < args.length; i++) {
    const argument = args[i]
    if (argument === '--force') continue
    if (argument in repeated) parsed[repeated[argument]].push(args[++i])
    else if (argument.startsWith('-')) parsed.options[argument.replace(/^-+/, '')] = args[++i]
    else {
      const equals = argument.indexOf('=')
      parsed.places.push({ from: argument.slice(0, equals), to: argument.slice(equals + 1) })
    }
  }
  if (parsed.options.t !== 'deb') throw new Error(`only -t deb is supported, not ${parsed.options.t}`)
  return parsed
}

/** A folder's contents where the source ends in a slash, else one file. Links stay links. */
function place({ from, to }, root) {
  const target = path.join(root, to)
  if (from.endsWith('/')) {
    fs.mkdirSync(target, { recursive: true })
    execFileSync('cp', ['-a', `${from}.`, target])
  } else {
    fs.mkdirSync(path.dirname(target), { recursive: true })
    fs.copyFileSync(from, target)
    fs.chmodSync(target, 0o644)
  }
}

function* filesBelow(folder) {
  for (const entry of fs.readdirSync(folder, { withFileTypes: true })) {
    const file = path.join(folder, entry.name)
    if (entry.isDirectory()) yield* filesBelow(file)
    else yield { file, isLink: entry.isSymbolicLink() }
  }
}

/** Kilobytes as dpkg counts them: every file rounded up, one per folder or link. */
function installedKilobytes(root) {
  return Number(execFileSync('du', ['-sk', '--apparent-size', root]).toString().split('\t')[0])
}

/** The first line is the synopsis; a line of the rest starts with a space, an empty one is a dot. */
function controlDescription(text) {
  const [synopsis, ...rest] = text.trim().split('\n')
  const words = rest.join(' ').split(/\s+/).filter(Boolean)
  const lines = []
  for (const word of words) {
    const last = lines.at(-1)
    if (last !== undefined && last.length + word.length < 78) lines[lines.length - 1] = `${last} ${word}`
    else lines.push(word)
  }
  return [synopsis.trim(), ...lines].join('\n ')
}

function control({ options, depends, recommends }, root) {
  const fields = {
    Package: options.name,
    Version: options.version,
    Architecture: options.architecture,
    Maintainer: options.maintainer,
    'Installed-Size': installedKilobytes(root),
    Depends: depends.join(', '),
    Recommends: recommends.join(', '),
    Section: options.category,
    Priority: options['deb-priority'],
    Description: controlDescription(options.description),
  }
  return Object.entries(fields)
    .filter(([, value]) => value)
    .map(([name, value]) => `${name}: ${value}\n`)
    .join('')
}

function sums(root) {
  const lines = []
  for (const { file, isLink } of filesBelow(root)) {
    if (isLink) continue
    const sum = createHash('md5').update(fs.readFileSync(file)).digest('hex')
    lines.push(`${sum}  ${path.relative(root, file)}\n`)
  }
  return lines.sort().join('')
}

const request = parse(process.argv.slice(2))
const root = fs.mkdtempSync(path.join(os.tmpdir(), 'olmp-deb-'))
try {
  for (const entry of request.places) place(entry, root)
  execFileSync('chmod', ['-R', 'u+w,go-w,a+rX', root])
  const meta = { control: control(request, root), md5sums: sums(root) }
  const metaFolder = path.join(root, 'DEBIAN')
  fs.mkdirSync(metaFolder, { mode: 0o755 })
  for (const [name, text] of Object.entries(meta)) fs.writeFileSync(path.join(metaFolder, name), text)
  const scripts = { postinst: 'after-install', postrm: 'after-remove' }
  for (const [name, option] of Object.entries(scripts)) {
    fs.copyFileSync(request.options[option], path.join(metaFolder, name))
    fs.chmodSync(path.join(metaFolder, name), 0o755)
  }
  // zstd takes seconds; a release takes the minutes of xz
  const compression = { xz: ['-Zxz', '-z6'], gz: ['-Zgzip', '-z9'], zst: ['-Zzstd', '-z12'] }
  const flags = compression[process.env.OLMP_DEB_COMPRESSION ?? request.options['deb-compression']]
  execFileSync('dpkg-deb', ['--root-owner-group', ...flags, '--build', root, request.options.package], {
    stdio: ['ignore', 'inherit', 'inherit'],
  })
} finally {
  fs.rmSync(root, { recursive: true, force: true })
}
