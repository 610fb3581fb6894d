// Where a package is put together. Node built-ins only.
import path from 'node:path'
import { projectRoot } from '../setup/shell.mjs'

export const inProject = (name) => path.join(projectRoot, name)
/** What electron-builder.yml takes from there; made anew by every `npm run dist`. */
export const stagingFolder = inProject('.cache/dist')
export const inStaging = (name) => path.join(stagingFolder, name)
/** Finished packages. */
export const releaseFolder = inProject('release')
/** The bundles: out/, or the folder that OLMP_OUT names to the build. */
export const bundlesFolder = path.resolve(inProject(process.env.OLMP_OUT ?? 'out'))
