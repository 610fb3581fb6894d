// Runs written out to files the user chooses: metrics as CSV, the log as text.

import type { RunAddress } from './runAddress'
import type { RunLibrary } from './RunLibrary'

export interface RunFilesOptions {
  library: RunLibrary
  /** Asks where to; null where the user chose nothing. */
  chooseSaveFile(wish: { name: string; extension: string }): Promise<string | null>
}

export class RunFiles {
  constructor(private readonly options: RunFilesOptions) {}

  async saveMetrics(addresses: RunAddress[]): Promise<string | null> {
    const [first] = addresses
    const name = addresses.length === 1 ? await this.nameOf(first) : 'runs'
    const file = await this.options.chooseSaveFile({ name: `${name}.csv`, extension: 'csv' })
    if (file !== null) await this.options.library.writeMetrics(addresses, file)
    return file
  }

  async saveLog(address: RunAddress): Promise<string | null> {
    const name = await this.nameOf(address)
    const file = await this.options.chooseSaveFile({ name: `${name}.log`, extension: 'log' })
    if (file !== null) await this.options.library.writeLog(address, file)
    return file
  }

  /** Project and run, as a file's name. */
  private async nameOf(address: RunAddress): Promise<string> {
    const { projectName, name, id } = await this.options.library.summary(address)
    const words = `${projectName} ${name === '' ? id : name}`
    return words
      .replace(/[^\p{Letter}\p{Number}._-]+/gu, '-')
      .replace(/^[-.]+|[-.]+$/g, '')
      .slice(0, 100)
  }
}
