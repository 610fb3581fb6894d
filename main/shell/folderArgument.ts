// A model folder named when the app is started: `olmp-studio ~/models/lenet`.

import { statSync } from 'node:fs'
import path from 'node:path'

export interface StartArguments {
  /** process.argv */
  argv: string[]
  workingFolder: string
  /** False in a checkout, where the app's own folder is the first argument. */
  packaged: boolean
}

export function folderArgument({ argv, workingFolder, packaged }: StartArguments): string | null {
  const named = argv.slice(1).filter((argument) => !argument.startsWith('-'))
  const candidate = named.slice(packaged ? 0 : 1).at(-1)
  if (candidate === undefined) return null
  const folder = path.resolve(workingFolder, candidate)
  return statSync(folder, { throwIfNoEntry: false })?.isDirectory() ? folder : null
}
