// Apart from the reading of HDF5 files, whose library takes longer to start than most commands need in all.

import { closeSync, openSync, readSync } from 'node:fs'

const signature = Buffer.from([0x89, 0x48, 0x44, 0x46, 0x0d, 0x0a, 0x1a, 0x0a])
/** By content: names are not to be trusted, and libhdf5 complains aloud about other files. */
export function isHdf5(path: string): boolean {
  let descriptor: number
  try {
    descriptor = openSync(path, 'r')
  } catch {
    return false
  }
  try {
    const head = Buffer.alloc(signature.length)
    return readSync(descriptor, head, 0, head.length, 0) === head.length && head.equals(signature)
  } catch {
    return false
  } finally {
    closeSync(descriptor)
  }
}
