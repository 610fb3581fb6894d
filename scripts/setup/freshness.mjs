// Whether a build step has anything to do: the newest source against the stamp that the last good build left.
import fs from 'node:fs'
import path from 'node:path'

/** The newest modification time below the paths given, folders included, so that a deleted file counts as a change. */
export function newestChangeMs(paths, ignore = () => false) {
  let newest = 0
  const visit = (entry) => {
    const stat = fs.statSync(entry, { throwIfNoEntry: false })
    if (stat === undefined || ignore(entry)) return
    newest = Math.max(newest, stat.mtimeMs)
    if (stat.isDirectory()) for (const name of fs.readdirSync(entry)) visit(path.join(entry, name))
  }
  paths.forEach(visit)
  return newest
}

export function isFresh(stamp, sources, ignore) {
  const built = fs.statSync(stamp, { throwIfNoEntry: false })?.mtimeMs
  return built !== undefined && newestChangeMs(sources, ignore) < built
}

/** Dated at the start of the build: a source saved while it ran makes the next one run again. */
export function writeStamp(stamp, startedMs) {
  fs.mkdirSync(path.dirname(stamp), { recursive: true })
  fs.writeFileSync(stamp, '')
  fs.utimesSync(stamp, startedMs / 1000, startedMs / 1000)
}
