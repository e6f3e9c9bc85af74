import type { Answer, Origin } from '../core/answer.ts'
import { ProviderError, RepriseError } from '../core/errors.ts'
import type { Context, Delta, Layer } from '../core/handler.ts'
import { keyOf } from '../core/key.ts'
import type { Kind } from '../core/kind.ts'
import type { Mode } from '../core/mode.ts'
import type { Entries } from '../stores/entries.ts'
import type { Entry } from '../stores/entry.ts'

export interface ExactOptions {
  /** How long an answer stays fresh, in milliseconds, when its call does not say. 0: it is not stored. */
  readonly ttlMs: (kind: string, model: string | undefined) => number
  /** How long after that it may still be served when nothing better is to be had. Default: 0. */
  readonly graceMs?: number
  readonly now?: () => number
}

/**
 * Answers an identical request from the store, and stores what a provider has just answered.
 * The answer is stored before the call returns, so whoever has an answer finds it again.
 */
export function exact<Request extends object, Result>(
  kind: Kind<Request, Result>,
  entries: Entries,
  options: ExactOptions
): Layer<Request, Result> {
  const { ttlMs, graceMs = 0, now = Date.now } = options

  function hit(entry: Entry, context: Context): Answer<Result> {
    const value = kind.decode(entry.body)
    const stale = now() >= entry.freshUntilMs
    const saved = entry.costUsd === undefined ? {} : { savedUsd: entry.costUsd }
    context.observe({ type: 'hit', layer: 'exact', kind: kind.name, key: entry.key, stale, ...saved })
    return { value, origin: originOf(entry, stale, now()) }
  }

  async function keep(key: string, answer: Answer<Result>, request: Request, context: Context): Promise<boolean> {
    const fresh = context.ttlMs ?? ttlMs(kind.name, kind.model(request))
    // Only what a provider has just answered: never what another layer found.
    if (answer.origin.layer !== 'provider' || fresh <= 0) return false
    if (!kind.storable(answer.value)) {
      context.observe({ type: 'refused', layer: 'exact', kind: kind.name, key, reason: 'unfit' })
      return false
    }
    let body: Uint8Array
    try {
      body = kind.encode(answer.value)
    } catch (error) {
      context.observe({
        type: 'failed',
        part: 'exact',
        operation: 'encode',
        error: error instanceof Error ? error : new Error(String(error))
      })
      return false
    }
    const storedAtMs = now()
    const { provider, model, usage, costUsd, tookMs } = answer.origin
    return entries.put({
      key,
      kind: kind.name,
      storedAtMs,
      freshUntilMs: storedAtMs + fresh,
      expiresAtMs: storedAtMs + fresh + graceMs,
      tags: context.tags,
      body,
      ...(provider === undefined ? {} : { provider }),
      ...(model === undefined ? {} : { model }),
      ...(usage === undefined ? {} : { usage }),
      ...(costUsd === undefined ? {} : { costUsd }),
      ...(tookMs === undefined ? {} : { tookMs })
    })
  }

  return {
    name: 'exact',
    wrap(next) {
      return async function lookUp(request, context) {
        const { mode } = context
        const key = keyOf(kind, request, context.scope)
        const entry = mode.noCache ? undefined : await entries.get(key)
        if (entry !== undefined && serves(entry, mode, now())) return hit(entry, context)

        context.observe({ type: 'miss', layer: 'exact', kind: kind.name, key })
        if (mode.onlyIfCached) {
          throw new RepriseError(
            'only-if-cached',
            'the answer is not in the cache, and the request allows no other (Cache-Control: only-if-cached)'
          )
        }
        let seen = false
        const { onDelta } = context
        const watch = (delta: Delta): void => {
          seen = true
          onDelta?.(delta)
        }
        const watched = onDelta === undefined ? context : { ...context, onDelta: watch }
        let answer: Answer<Result>
        try {
          answer = await next(request, watched)
        } catch (error) {
          // RFC 5861, stale-if-error: an old answer beats none, unless the caller has already seen part of another.
          if (entry !== undefined && !seen && mayPass(error)) return hit(entry, context)
          throw error
        }
        const stored = await keep(key, answer, request, context)
        return { value: answer.value, origin: { ...answer.origin, key, stored } }
      }
    }
  }
}

/** Whether the mode allows to answer with the entry (RFC 9111, 4.2 and 5.2.1). */
function serves(entry: Entry, mode: Mode, now: number): boolean {
  if (mode.maxAgeMs !== undefined && now - entry.storedAtMs > mode.maxAgeMs) return false
  const staleForMs = now - entry.freshUntilMs
  return staleForMs < 0 || (mode.maxStaleMs !== undefined && staleForMs <= mode.maxStaleMs)
}

/** Whether the failure says that no answer can be had now, and not that the request is wrong or its caller gone. */
function mayPass(error: unknown): boolean {
  return (
    (error instanceof ProviderError || (error instanceof RepriseError && error.code !== 'aborted')) && error.retryable
  )
}

function originOf(entry: Entry, stale: boolean, now: number): Origin {
  const { key, storedAtMs, provider, model, usage, costUsd, tookMs } = entry
  return {
    layer: 'exact',
    key,
    storedAtMs,
    ageMs: Math.max(0, now - storedAtMs),
    freshForMs: entry.freshUntilMs - now,
    ...(stale ? { stale } : {}),
    ...(provider === undefined ? {} : { provider }),
    ...(model === undefined ? {} : { model }),
    ...(usage === undefined ? {} : { usage }),
    ...(costUsd === undefined ? {} : { savedUsd: costUsd }),
    ...(tookMs === undefined ? {} : { tookMs })
  }
}
