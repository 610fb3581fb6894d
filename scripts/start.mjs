// `npm start`: set-up, then the app; without a display a short job in the terminal that shows the same services at work.
import { spawn } from 'node:child_process'
import path from 'node:path'
import { main, setup } from './setup.mjs'
import { electronExecutable } from './setup/electron.mjs'
import { projectRoot } from './setup/shell.mjs'
import { runTerminalJob } from './terminalJob.mjs'

const hasDisplay =
  process.platform !== 'linux' || Boolean(process.env.DISPLAY) || Boolean(process.env.WAYLAND_DISPLAY)

function openApp(args) {
  const env = { ...process.env }
  delete env.ELECTRON_RUN_AS_NODE
  // Chromium's sandbox refuses to start as root
  const asRoot = process.platform === 'linux' && process.getuid?.() === 0
  const child = spawn(electronExecutable, [...(asRoot ? ['--no-sandbox'] : []), projectRoot, ...args], {
    stdio: 'inherit',
    env,
  })
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal))
  return new Promise((resolve) => child.on('close', (status) => resolve(status ?? 1)))
}

await main(async () => {
  await setup()
  const args = process.argv.slice(2)
  process.exitCode = hasDisplay
    ? await openApp(args)
    : await runTerminalJob(path.join(projectRoot, 'resources/samples/lenet-300-100'))
})
