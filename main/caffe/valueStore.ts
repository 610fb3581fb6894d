// A temporary folder for values that cannot be read in place (unpacked protobuf fields, HDF5 datasets). Made when first
// needed; the reader's caller owns it and removes it by releaseWeights().

import { closeSync, mkdirSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface ValueWriter {
  readonly file: string
  write(bytes: Uint8Array): void
  close(): void
}

export class ValueStore {
  private folder: string | null = null
  private files = 0

  /** `parent`: where the folder is made; the system's temporary folder by default. */
  constructor(private readonly parent: string = tmpdir()) {}

  /** The folder, or null where nothing was stored. */
  get path(): string | null {
    return this.folder
  }

  create(): ValueWriter {
    if (this.folder === null) {
      mkdirSync(this.parent, { recursive: true })
      this.folder = mkdtempSync(join(this.parent, 'olmp-weights-'))
    }
    const file = join(this.folder, `blob-${this.files++}.bin`)
    const descriptor = openSync(file, 'w')
    return {
      file,
      write(bytes) {
        let written = 0
        while (written < bytes.length) written += writeSync(descriptor, bytes, written)
      },
      close: () => closeSync(descriptor),
    }
  }

  remove(): void {
    if (this.folder !== null) rmSync(this.folder, { recursive: true, force: true })
    this.folder = null
  }
}
