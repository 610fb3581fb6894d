import { AppError } from '../net/errors'

/** What the addon throws, as an AppError: it carries `code` and, where a file is at fault, `file`. */
export async function asAppErrors<T>(call: () => Promise<T> | T, hint?: string): Promise<T> {
  try {
    return await call()
  } catch (error) {
    if (error instanceof AppError || !(error instanceof Error)) throw error
    const { code, file } = error as { code?: unknown; file?: unknown }
    if (typeof code !== 'string') throw error
    throw new AppError(code, error.message, {
      file: typeof file === 'string' ? file : undefined,
      hint,
      cause: error,
    })
  }
}
