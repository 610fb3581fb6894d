// The C++ engine: cmake and ninja into native/build, incremental.
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { isFresh, writeStamp } from './freshness.mjs'
import { has, projectRoot, run, say, timed } from './shell.mjs'

const sourceFolder = path.join(projectRoot, 'native')
export const nativeBuildFolder = path.join(sourceFolder, 'build')
export const addonFile = path.join(nativeBuildFolder, 'olmp.node')
const stamp = path.join(nativeBuildFolder, '.built')
// native/build, native/build-asan and the like
const isBuildFolder = (entry) =>
  path.dirname(entry) === sourceFolder && path.basename(entry).startsWith('build')

const cudaCompiler = () => ['nvcc', '/usr/local/cuda/bin/nvcc'].find((command) => has(command))

export async function ensureNative() {
  const sources = fs
    .readdirSync(sourceFolder)
    .map((name) => path.join(sourceFolder, name))
    .filter((entry) => !isBuildFolder(entry))
  if (fs.existsSync(addonFile) && isFresh(stamp, sources)) return
  if (cudaCompiler() === undefined) say('no CUDA compiler (nvcc): the engine is built for the CPU')
  const startedMs = Date.now()
  await timed('building the engine', async () => {
    const generator = ['-S', sourceFolder, '-B', nativeBuildFolder, '-G', 'Ninja']
    await run('cmake', [...generator, `-DNODE_EXECUTABLE=${process.execPath}`])
    await run('cmake', ['--build', nativeBuildFolder, '-j', String(os.availableParallelism())])
  })
  writeStamp(stamp, startedMs)
}
