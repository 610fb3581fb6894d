#!/usr/bin/env node
// The terminal command `olmp`. In a checkout the bundle is out/cli/index.js, made by `npm start` or `npm test`.
import fs from 'node:fs'
import path from 'node:path'
import { pathToFileURL } from 'node:url'

const bundle = path.resolve(import.meta.dirname, '../out/cli/index.js')
if (!fs.existsSync(bundle)) {
  console.error(`olmp: ${bundle} does not exist; run \`node scripts/setup.mjs\` once`)
  process.exit(1)
}
await import(pathToFileURL(bundle).href)
