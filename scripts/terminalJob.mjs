// What `npm start` does where no window can open: the sample model through the terminal command, compressed briefly,
// exported and verified.
import { spawn } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { projectRoot } from './setup/shell.mjs'

function olmp(args) {
  console.log(`\n$ olmp ${args.join(' ')}`)
  const child = spawn(process.execPath, [path.join(projectRoot, 'scripts/olmp.mjs'), ...args], {
    stdio: 'inherit',
    cwd: projectRoot,
  })
  return new Promise((resolve) => child.on('close', (status) => resolve(status ?? 1)))
}

/** The exit status: of the first command that failed, or 0. */
export async function runTerminalJob(modelFolder) {
  console.log('No display: instead of the window, a short run in the terminal.')
  const model = path.relative(projectRoot, modelFolder)
  const run = path.join('.cache', 'runs', 'start')
  fs.rmSync(path.join(projectRoot, run), { recursive: true, force: true })
  const data = ['--data-train', 'mnist', '--data-test', 'mnist']
  const commands = [
    ['compress', model, ...data, '--effort', 'quick', '--target', '100', '--run-dir', run],
    ['export', run, '--onnx', path.join(run, 'lenet-300-100.onnx')],
  ]
  for (const command of commands) {
    const status = await olmp(command)
    if (status !== 0) return status
  }
  return 0
}
