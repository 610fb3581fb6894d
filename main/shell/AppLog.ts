// The app's own log, for bug reports: one file and the one before it, each of bounded size. What is about a run is in the
// run's log.

import { appendFileSync, existsSync, mkdirSync, readFileSync, renameSync, statSync } from 'node:fs'
import path from 'node:path'

const mostBytes = 1_000_000

export class AppLog {
  private readonly file: string

  constructor(
    folder: string,
    private readonly limit = mostBytes,
  ) {
    mkdirSync(folder, { recursive: true })
    this.file = path.join(folder, 'app.log')
  }

  /** `source` is who says it: app, engine, window, or a channel's name. */
  write(source: string, text: string): void {
    const time = new Date().toISOString()
    const lines = text
      .split('\n')
      .filter((line) => line.trim() !== '')
      .map((line) => `${time} ${source}: ${line}\n`)
      .join('')
    try {
      if (existsSync(this.file) && statSync(this.file).size + lines.length > this.limit)
        renameSync(this.file, this.previous)
      appendFileSync(this.file, lines)
    } catch {
      // A full disk must not end the app for the sake of its log.
    }
  }

  /** The last bytes of both files. */
  tail(bytes: number): string {
    const text = [this.previous, this.file]
      .filter((file) => existsSync(file))
      .map((file) => readFileSync(file, 'utf8'))
      .join('')
    return text.slice(-bytes)
  }

  private get previous(): string {
    return `${this.file}.1`
  }
}
