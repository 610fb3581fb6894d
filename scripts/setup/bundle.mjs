// TypeScript and Vue into out/: the app by electron-vite, the terminal command by vite.
import path from 'node:path'
import { isFresh, writeStamp } from './freshness.mjs'
import { projectRoot, run, timed } from './shell.mjs'

const inProject = (name) => path.join(projectRoot, name)
const program = (name, file) => inProject(path.join('node_modules', name, file))
const shared = ['main', 'package-lock.json', 'tsconfig.json'].map(inProject)

const bundles = [
  {
    name: 'the terminal command',
    stamp: inProject('out/cli/.built'),
    sources: [...shared, inProject('vite.cli.config.ts')],
    command: [
      program('vite', 'bin/vite.js'),
      'build',
      '--config',
      'vite.cli.config.ts',
      '--logLevel',
      'warn',
    ],
  },
  {
    name: 'the app',
    stamp: inProject('out/.built'),
    sources: [...shared, ...['preload', 'renderer', 'electron.vite.config.ts'].map(inProject)],
    command: [program('electron-vite', 'bin/electron-vite.js'), 'build', '--logLevel', 'warn'],
  },
]

export async function ensureBundles({ window }) {
  for (const bundle of bundles) {
    if (!window && bundle.name === 'the app') continue
    if (isFresh(bundle.stamp, bundle.sources)) continue
    const startedMs = Date.now()
    await timed(`bundling ${bundle.name}`, () => run(process.execPath, bundle.command))
    writeStamp(bundle.stamp, startedMs)
  }
}
