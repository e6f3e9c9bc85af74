import { RepriseError } from '../core/errors.ts'

/** Leaves when nobody waits any more. @throws RepriseError `aborted` */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw abortedError(signal.reason)
}

/** The error of a call that nobody waits for any more. */
export function abortedError(cause: unknown): RepriseError {
  return new RepriseError('aborted', 'the caller has gone', { cause })
}
