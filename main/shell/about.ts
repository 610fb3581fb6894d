// The versions of what the app is made of.

import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'

import type { AboutFacts, BuildFacts } from '../../preload/contract'
import type { SystemInfo } from '../engine/binding'

const requireFile = createRequire(import.meta.url)

export interface AboutOptions {
  version: string
  resourcesFolder: string
  systemInfo(): Promise<SystemInfo>
}

export async function aboutFacts({
  version,
  resourcesFolder,
  systemInfo,
}: AboutOptions): Promise<AboutFacts> {
  const { versions } = process
  return {
    version,
    electron: versions.electron,
    chromium: versions.chrome,
    node: versions.node,
    engine: await systemInfo().then(
      ({ engineVersion, onednnVersion, cpuIsa }) => ({
        version: engineVersion,
        onednn: onednnVersion,
        cpuIsa,
      }),
      () => null,
    ),
    onnxruntime: packageVersion('onnxruntime-node'),
    build: readBuild(resourcesFolder),
  }
}

function packageVersion(name: string): string {
  const { version } = requireFile(`${name}/package.json`) as { version: string }
  return version
}

/** scripts/dist/buildInfo.mjs writes the file into packages; a checkout has none. */
function readBuild(resourcesFolder: string): BuildFacts | null {
  try {
    const info: unknown = JSON.parse(readFileSync(path.join(resourcesFolder, 'buildInfo.json'), 'utf8'))
    if (typeof info !== 'object' || info === null) return null
    const { version, commit, date, testBuild } = info as Record<string, unknown>
    const text = (value: unknown) => (typeof value === 'string' ? value : null)
    return { version: text(version), commit: text(commit), date: text(date), testBuild: testBuild === true }
  } catch {
    return null
  }
}
