import type { Answer } from '../core/answer.ts'
import { ProviderError, RepriseError } from '../core/errors.ts'
import type { Context, Delta, Layer, PeekingHandler } from '../core/handler.ts'
import { keyOf } from '../core/key.ts'
import type { Kind } from '../core/kind.ts'
import type { Entries } from '../stores/entries.ts'
import type { Entry } from '../stores/entry.ts'
import { answerFrom, serves } from './lookup.ts'

/**
 * Answers an identical request from the store. When everything below fails, an entry that is stale and within its
 * grace answers all the same. What is new is stored further down, by `keep`.
 */
export function exact<Request extends object, Result>(
  kind: Kind<Request, Result>,
  entries: Entries,
  now: () => number = Date.now
): Layer<Request, Result> & Pick<PeekingHandler<Request, Result>, 'peek'> {
  function hit(entry: Entry, context: Context): Answer<Result> {
    const answer = answerFrom(entry, kind, now())
    const { savedUsd, stale = false } = answer.origin
    const saved = savedUsd === undefined ? {} : { savedUsd }
    context.observe({ type: 'hit', layer: 'exact', kind: kind.name, key: entry.key, stale, ...saved })
    return answer
  }

  return {
    name: 'exact',
    peek(request, context) {
      if (context.mode.noCache) return undefined
      const entry = entries.peek(keyOf(kind, request, context.scope))
      return entry !== undefined && serves(entry, context.mode, now()) ? hit(entry, context) : undefined
    },
    wrap(next) {
      return async function lookUp(request, context) {
        const { mode } = context
        const key = keyOf(kind, request, context.scope)
        const entry = mode.noCache ? undefined : await entries.get(key)
        if (entry !== undefined && serves(entry, mode, now())) return hit(entry, context)

        context.observe({ type: 'miss', layer: 'exact', kind: kind.name, key })
        if (entry === undefined) return next(request, context)
        let seen = false
        const { onDelta } = context
        const watch = (delta: Delta): void => {
          seen = true
          onDelta?.(delta)
        }
        try {
          return await next(request, onDelta === undefined ? context : { ...context, onDelta: watch })
        } catch (error) {
          // RFC 5861, stale-if-error: an old answer beats none, unless the caller has already seen part of another.
          if (seen || !mayPass(error)) throw error
          return hit(entry, context)
        }
      }
    }
  }
}

/** Whether the failure says that no answer can be had now, and not that the request is wrong or its caller gone. */
function mayPass(error: unknown): boolean {
  return (
    (error instanceof ProviderError || (error instanceof RepriseError && error.code !== 'aborted')) && error.retryable
  )
}
