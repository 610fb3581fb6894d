// Bundled and started by crash.test.ts: works on the run in argv[2] until it is done or killed. Says 'ready' by IPC when
// the loop has begun.

import { loadAddon } from '../../main/engine/addon'
import { RunFolder } from '../../main/runs/RunFolder'
import { runCompression } from '../../main/runs/runner'

const [runFolder, cacheFolder] = process.argv.slice(2)
let ready = false

await runCompression(await RunFolder.open(runFolder), { addon: loadAddon(), cacheFolder }, (event) => {
  if (ready || event.kind !== 'iterations') return
  ready = true
  process.send?.('ready')
})
