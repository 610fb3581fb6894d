// The parts of `npm test`, in order. Each is a program run to its end, its output kept in test-results/<part>.log.
import { spawn } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { nativeBuildFolder } from '../setup/native.mjs'
import { projectRoot } from '../setup/shell.mjs'
import { fromCtest, fromVitest, oneCheck } from './report.mjs'

export const resultsFolder = path.join(projectRoot, 'test-results')
const inProject = (name) => path.join(projectRoot, name)
const inResults = (name) => path.join(resultsFolder, name)

function runLogged(name, command, args) {
  const log = fs.createWriteStream(inResults(`${name}.log`))
  const child = spawn(command, args, {
    cwd: projectRoot,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, NO_COLOR: '1', FORCE_COLOR: undefined },
  })
  let output = ''
  const keep = (chunk) => {
    output += chunk
    log.write(chunk)
  }
  child.stdout.on('data', keep)
  child.stderr.on('data', keep)
  return new Promise((resolve) => {
    child.on('error', (error) => resolve({ status: -1, output: `cannot start ${command}: ${error.message}` }))
    child.on('close', (status) => {
      log.end()
      resolve({ status, output })
    })
  })
}

const runNode = (name, script, args) => runLogged(name, process.execPath, [inProject(script), ...args])

async function check(name, script, args) {
  return oneCheck(await runNode(name, script, args))
}

function vitestArguments(config, report) {
  const reporters = ['--reporter=verbose', '--reporter=json', `--outputFile.json=${report}`]
  return [inProject('node_modules/vitest/vitest.mjs'), 'run', '--config', inProject(config), ...reporters]
}

async function vitest(name, config) {
  const report = inResults(`${name}.json`)
  fs.rmSync(report, { force: true })
  return fromVitest(await runLogged(name, process.execPath, vitestArguments(config, report)), report)
}

/** On real Electron; without a display on a virtual one. */
async function endToEnd(name) {
  const report = inResults(`${name}.json`)
  fs.rmSync(report, { force: true })
  const args = vitestArguments('vitest.e2e.config.ts', report)
  const hasDisplay =
    process.platform !== 'linux' || Boolean(process.env.DISPLAY) || Boolean(process.env.WAYLAND_DISPLAY)
  const result = hasDisplay
    ? await runLogged(name, process.execPath, args)
    : await runLogged(name, 'xvfb-run', ['-a', '-s', '-screen 0 1600x1200x24', process.execPath, ...args])
  return fromVitest(result, report)
}

async function ctest(name) {
  const report = inResults(`${name}.xml`)
  fs.rmSync(report, { force: true })
  const args = [
    '--test-dir',
    nativeBuildFolder,
    '--output-on-failure',
    '--output-junit',
    report,
    '--no-tests=error',
  ]
  return fromCtest(await runLogged(name, 'ctest', args), report)
}

export const parts = [
  { name: 'types', run: (name) => check(name, 'node_modules/vue-tsc/bin/vue-tsc.js', ['--noEmit']) },
  {
    name: 'lint',
    run: (name) => check(name, 'node_modules/eslint/bin/eslint.js', ['.', '--max-warnings', '0']),
  },
  { name: 'format', run: (name) => check(name, 'node_modules/prettier/bin/prettier.cjs', ['--check', '.']) },
  { name: 'engine', run: ctest },
  { name: 'unit', run: (name) => vitest(name, 'vitest.config.ts') },
  { name: 'window', run: endToEnd },
  { name: 'package', run: (name) => vitest(name, 'vitest.package.config.ts') },
]
