// What the commands print: log lines on stdout in Caffe's manner, one progress bar on stderr where it is a terminal,
// and with --json a single object on stdout at the end (everything else then goes to stderr).

import cliProgress from 'cli-progress'

import { AppError, describeError, toErrorRecord } from '../net/errors'

interface Progress {
  // A MultiBar because that one keeps lines written meanwhile above itself.
  container: cliProgress.MultiBar
  bar: cliProgress.SingleBar
}

export class Terminal {
  private current: Progress | null = null

  constructor(private readonly json: boolean) {}

  /** A log line. The bar, if there is one, stays below it. */
  log(text: string): void {
    const stream = this.json ? process.stderr : process.stdout
    if (this.current !== null && stream.isTTY) this.current.container.log(`${text}\n`)
    else stream.write(`${text}\n`)
  }

  warn(text: string): void {
    this.log(`warning: ${text}`)
  }

  /** Starts (total given) or moves the progress bar. Without a terminal there is none: the log lines say enough. */
  progress(text: string, value: number, total: number): void {
    if (!process.stderr.isTTY) return
    if (this.current === null) {
      const container = new cliProgress.MultiBar({
        format: '{bar} {percentage}% {text} | {value}/{total} | ETA {eta_formatted}',
        stream: process.stderr,
        hideCursor: true,
        barCompleteChar: '█',
        barIncompleteChar: '░',
        barsize: 30,
        clearOnComplete: true,
        // Ctrl-C is the commands' own business: the run goes on to its checkpoint.
        gracefulExit: false,
      })
      this.current = { container, bar: container.create(total, value, { text }) }
      return
    }
    this.current.bar.setTotal(total)
    this.current.bar.update(value, { text })
  }

  /** Moves the bar that is there; its length stays. */
  advance(value: number, text: string): void {
    this.current?.bar.update(value, { text })
  }

  endProgress(): void {
    if (this.current === null) return
    // stop() drops lines that no update has shown yet
    this.current.container.update()
    this.current.container.stop()
    this.current = null
  }

  /** The command's result: as one JSON object with --json, else as lines made by `human`. */
  result(value: object, human: () => string[]): void {
    this.endProgress()
    if (this.json) process.stdout.write(`${JSON.stringify(value)}\n`)
    else for (const line of human()) process.stdout.write(`${line}\n`)
  }

  /** The error as a person reads it, on stderr; what is not an AppError is a defect and shows its stack. */
  fail(error: unknown): void {
    this.endProgress()
    process.stderr.write(`error: ${describeError(toErrorRecord(error))}\n`)
    if (!(error instanceof AppError) && error instanceof Error && error.stack)
      process.stderr.write(`${error.stack}\n`)
  }
}
