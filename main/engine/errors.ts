// The addon's errors (Error objects with `code`, and `file` where a file is at fault) as AppErrors.

import { AppError } from '../net/errors'

/** What to do about it, by the engine's codes. */
const hints: Partial<Record<string, string>> = {
  'bad-solver': 'change the solver settings',
  closed: 'open a new session',
  'corrupt-checkpoint': 'resume from an older checkpoint',
  'corrupt-file': 'fetch or convert the data again',
  'empty-dataset': 'choose a data set with at least one item',
  'missing-file': 'check the path',
  'no-cuda': "choose the device 'cpu'",
  'no-moments': 'compute the moments of the reference weights first',
  'no-rates': 'set the rates first',
  'not-an-lmdb': 'choose a folder with a data.mdb file',
  'out-of-gpu-memory': "use a smaller batch, or choose the device 'cpu'",
  'out-of-memory': 'use a smaller batch, or close other programs',
  'truncated-file': 'fetch the file again',
  'unsupported-cpu': 'run on an x86-64 processor with AVX2 and FMA',
  'write-failed': 'check free space and permissions',
}

function textProperty(error: Error, key: 'code' | 'file'): string | undefined {
  const value: unknown = Reflect.get(error, key)
  return typeof value === 'string' && value !== '' ? value : undefined
}

/** Anything the addon threw or rejected with, as an AppError; an AppError stays as it is. */
export function engineError(error: unknown): AppError {
  if (error instanceof AppError) return error
  if (!(error instanceof Error)) return new AppError('internal', String(error), { cause: error })
  const code = textProperty(error, 'code') ?? 'internal'
  return new AppError(code, error.message, {
    file: textProperty(error, 'file'),
    hint: hints[code],
    cause: error,
  })
}
