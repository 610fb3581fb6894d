/** Does `work`, calling `stop` where the signal asks for it in the meantime. */
export async function interruptible<T>(
  signal: AbortSignal | undefined,
  stop: () => void,
  work: () => Promise<T>,
): Promise<T> {
  signal?.addEventListener('abort', stop)
  try {
    return await work()
  } finally {
    signal?.removeEventListener('abort', stop)
  }
}
