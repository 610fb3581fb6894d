// The one error type a person reads. Everything that refuses a file, a setting or a state throws one.

export interface ErrorDetails {
  /** Absolute or project-relative path of the file at fault. */
  file?: string
  /** From 1. */
  line?: number
  column?: number
  /** What to do about it, one sentence. */
  hint?: string
  cause?: unknown
}

/** The plain form of an AppError, as it crosses a process boundary. */
export interface ErrorRecord {
  code: string
  message: string
  file?: string
  line?: number
  column?: number
  hint?: string
}

/** `code` is a stable kebab-case word for programs and tests ('unknown-layer', 'truncated-file');
 *  `message` is for people and does not repeat the place. */
export class AppError extends Error {
  readonly code: string
  readonly file?: string
  readonly line?: number
  readonly column?: number
  readonly hint?: string

  constructor(code: string, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause })
    this.name = 'AppError'
    this.code = code
    this.file = details.file
    this.line = details.line
    this.column = details.column
    this.hint = details.hint
  }

  /** `lenet.prototxt:12:7: unknown field 'kernal_size' in ConvolutionParameter (did you mean 'kernel_size'?)` */
  describe(): string {
    return describeError(this.toRecord())
  }

  toRecord(): ErrorRecord {
    const { code, message, file, line, column, hint } = this
    return { code, message, file, line, column, hint }
  }
}

export function describeError(record: ErrorRecord): string {
  const place = [record.file, record.line, record.line === undefined ? undefined : record.column]
    .filter((part) => part !== undefined)
    .join(':')
  const head = place === '' ? record.message : `${place}: ${record.message}`
  return record.hint === undefined ? head : `${head} (${record.hint})`
}

/** Any thrown value as an ErrorRecord; what is not an AppError gets code 'internal'. */
export function toErrorRecord(error: unknown): ErrorRecord {
  if (error instanceof AppError) return error.toRecord()
  return { code: 'internal', message: error instanceof Error ? error.message : String(error) }
}
