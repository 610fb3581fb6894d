// Writes test/golden/layers/descriptions.json: the net graph of every golden layer case, for the C++ tests,
// which have no prototxt parser. Run it after a change to the graph builder; a test fails while it is stale.

import { writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { runnerImport } from 'vite'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const { module } = await runnerImport(join(root, 'test/golden/describe.ts'), { root, configFile: false })
const file = join(module.goldenFolder, 'descriptions.json')
writeFileSync(file, module.describeAll())
console.log(file)
