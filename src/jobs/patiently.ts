import { RepriseError } from '../core/errors.ts'

/**
 * Asks again what may be answered later, after the wait that was said or after 1, 2, 4, ... seconds.
 * @throws what the last attempt throws, and RepriseError `aborted`
 */
export async function patiently<Result>(
  ask: () => Promise<Result>,
  attempts: number,
  signal: AbortSignal
): Promise<Result> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await ask()
    } catch (error) {
      if (!isWorthWaiting(error) || attempt >= attempts || signal.aborted) throw error
      await pause(error.retryAfterMs ?? 1000 * 2 ** (attempt - 1), signal)
    }
  }
}

/** The longest wait that is worth it, in milliseconds. */
const longestWaitMs = 300_000

/** Whether it may be answered later, and not too late. */
export function isWorthWaiting(error: unknown): error is RepriseError {
  return error instanceof RepriseError && error.retryable && (error.retryAfterMs ?? 0) <= longestWaitMs
}

/** Waits so many milliseconds. @throws RepriseError `aborted` */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await new Promise<void>((resolve) => {
    const timer = setTimeout(over, ms)
    signal.addEventListener('abort', over, { once: true })
    if (signal.aborted) over()
    function over(): void {
      clearTimeout(timer)
      signal.removeEventListener('abort', over)
      resolve()
    }
  })
  if (signal.aborted) throw new RepriseError('aborted', 'interrupted')
}
