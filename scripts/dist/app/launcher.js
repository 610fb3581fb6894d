// The packaged app's first module. The runAsNode fuse is off, so that nobody can turn the app into a bare Node; the
// terminal command runs here instead. Electron waits for this module before it touches a display, so a terminal job
// that ends here needs none.
const terminalSwitch = '--olmp-terminal'

const at = process.argv.indexOf(terminalSwitch)
if (at === -1) {
  await import('./main/index.js')
} else {
  // `--` keeps Chromium's own parser away from the command's arguments; Commander drops argv[0] only in a packaged app.
  const after = process.argv[at + 1] === '--' ? at + 2 : at + 1
  process.argv = [process.argv[0], ...process.argv.slice(after)]
  await import('./cli/index.js')
  await new Promise((written) => process.stdout.write('', written))
  process.exit(process.exitCode ?? 0)
}
