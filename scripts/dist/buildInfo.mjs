// What a package says of itself: resources/buildInfo.json, for the About box and for bug reports.
import { execFileSync } from 'node:child_process'
import fs from 'node:fs'
import { installedElectronVersion } from '../setup/electron.mjs'
import { projectRoot } from '../setup/shell.mjs'
import { inProject, inStaging } from './places.mjs'

const readJson = (file) => JSON.parse(fs.readFileSync(inProject(file), 'utf8'))

function git(...args) {
  try {
    return execFileSync('git', args, { cwd: projectRoot, stdio: ['ignore', 'pipe', 'ignore'] })
      .toString()
      .trim()
  } catch {
    // an archive of the sources, or no git
    return null
  }
}

/** Seconds since 1970 of the commit, or what SOURCE_DATE_EPOCH says: the same sources make the same package. */
function sourceDate() {
  const given = process.env.SOURCE_DATE_EPOCH ?? git('log', '-1', '--format=%ct')
  return given ? Number(given) : null
}

/**
 * `{ version, commit, modified, electron, testBuild, date }`. A test build is one on another Electron than the pinned
 * one: its version carries that Electron's, so that it sorts before the release and shows what it is.
 */
export function describeBuild() {
  const { version } = readJson('package.json')
  const pinned = readJson('node_modules/electron/package.json').version
  const electron = installedElectronVersion()
  const testBuild = electron !== pinned
  const seconds = sourceDate()
  const commit = git('rev-parse', 'HEAD')
  return {
    version: testBuild ? `${version}-test.electron${electron.split('.')[0]}` : version,
    commit,
    modified: commit !== null && git('status', '--porcelain', '--untracked-files=no') !== '',
    electron,
    testBuild,
    date: seconds === null ? null : new Date(seconds * 1000).toISOString(),
  }
}

export function stageBuildInfo(info) {
  fs.writeFileSync(inStaging('buildInfo.json'), `${JSON.stringify(info, null, 2)}\n`)
}
