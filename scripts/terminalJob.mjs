// What `npm start` does where no window can open: the sample model through the terminal command, compressed briefly,
// exported and verified.
import { spawn } from 'node:child_process'
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
  const model = path.relative(projectRoot, modelFolder)
  console.log('No display: instead of the window, a short run in the terminal.')
  const run = path.join('.cache', 'runs', 'start')
  const commands = [
    ['compress', model, '--run-dir', run, '--iterations', '2000'],
    ['export', run, '--output', path.join(run, 'lenet-300-100.onnx')],
  ]
  for (const command of commands) {
    const status = await olmp(command)
    if (status !== 0) return status
  }
  return 0
}
