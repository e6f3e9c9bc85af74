import type { Answer } from '../core/answer.ts'
import { ProviderError, RepriseError } from '../core/errors.ts'
import type { Context, Delta, Handler } from '../core/handler.ts'

/**
 * Asks `next`, and when nobody can answer, `spare`, which may have something that is better than nothing. Unless the
 * caller has already seen part of another answer: what it goes on with must not be of a different one.
 */
export async function rescue<Request, Result>(
  next: Handler<Request, Result>,
  request: Request,
  context: Context,
  spare: () => Answer<Result> | undefined | Promise<Answer<Result> | undefined>
): Promise<Answer<Result>> {
  let seen = false
  const { onDelta } = context
  const watch = (delta: Delta): void => {
    seen = true
    onDelta?.(delta)
  }
  try {
    return await next(request, onDelta === undefined ? context : { ...context, onDelta: watch })
  } catch (error) {
    const instead = seen || !mayPass(error) ? undefined : await spare()
    if (instead === undefined) throw error
    return instead
  }
}

const unpaid: ReadonlySet<string> = new Set(['over-budget', 'price-unknown'])

/**
 * Whether the failure says that no answer can be had now, and not that the request is wrong or its caller gone. That a
 * budget is spent is such a failure: what is in the store costs nothing. So is that nobody answers, for whatever reason.
 */
function mayPass(error: unknown): boolean {
  if (error instanceof ProviderError) return error.retryable
  if (!(error instanceof RepriseError) || error.code === 'aborted') return false
  return error.retryable || unpaid.has(error.code) || error.code === 'all-providers-failed'
}
