import type { Answer } from '../core/answer.ts'
import { RepriseError } from '../core/errors.ts'
import type { Context, Layer } from '../core/handler.ts'
import { keyOf } from '../core/key.ts'
import type { Kind } from '../core/kind.ts'
import { vectorBytes } from '../core/vector-bytes.ts'
import type { Entries } from '../stores/entries.ts'
import type { Entry } from '../stores/entry.ts'
import { answerFrom, serves } from './lookup.ts'
import type { MeaningSearch } from './meaning-search.ts'

export interface KeepOptions {
  /** How long an answer stays fresh, in milliseconds, when its call does not say. 0: it is not stored. */
  readonly ttlMs: (kind: string, model: string | undefined) => number
  /** How long after that it may still be served when nothing better is to be had. Default: 0. */
  readonly graceMs?: number
  /** Makes what is stored findable by its meaning too. */
  readonly search?: MeaningSearch | undefined
  readonly now?: () => number
}

/**
 * Stores what a provider has just answered, before the call returns: whoever has an answer finds it again.
 * Stands below single flight, so that storing belongs to the call and not to one of those who share it.
 */
export function keep<Request extends object, Result>(
  kind: Kind<Request, Result>,
  entries: Entries,
  { ttlMs, graceMs = 0, search, now = Date.now }: KeepOptions
): Layer<Request, Result> {
  async function store(key: string, answer: Answer<Result>, request: Request, context: Context): Promise<boolean> {
    const freshMs = context.ttlMs ?? ttlMs(kind.name, kind.model(request))
    // Only what a provider has just answered: never what another layer found.
    if (answer.origin.layer !== 'provider' || freshMs <= 0) return false
    if (!kind.storable(answer.value)) {
      context.observe({ type: 'refused', layer: 'exact', kind: kind.name, key, reason: 'unfit' })
      return false
    }
    const body = encode(answer.value, context)
    if (body === undefined) return false
    const said = await search?.meanings.of(kind, request, context.scope)
    const meaning = said === undefined || 'reason' in said ? undefined : said
    const storedAtMs = now()
    const freshUntilMs = storedAtMs + freshMs
    const expiresAtMs = freshUntilMs + graceMs
    const { provider, model, usage, costUsd, tookMs } = answer.origin
    const entry: Entry = {
      key,
      kind: kind.name,
      storedAtMs,
      freshUntilMs,
      expiresAtMs,
      tags: [...context.tags, ...(kind.tags?.(answer.value) ?? [])],
      body,
      ...(meaning === undefined ? {} : { text: meaning.text }),
      ...(provider === undefined ? {} : { provider }),
      ...(model === undefined ? {} : { model }),
      ...(usage === undefined ? {} : { usage }),
      ...(costUsd === undefined ? {} : { costUsd }),
      ...(tookMs === undefined ? {} : { tookMs })
    }
    if (search === undefined || meaning === undefined) return entries.put(entry)
    const { partition, vector } = meaning
    const kept = search.readsStore ? { partition, bytes: vectorBytes(vector) } : undefined
    const stored = await entries.put(entry, kept)
    if (stored) await search.add(meaning, key, expiresAtMs)
    return stored
  }

  function encode(value: Result, context: Context): Uint8Array | undefined {
    try {
      return kind.encode(value)
    } catch (error) {
      const reason = error instanceof Error ? error : new Error(String(error))
      context.observe({ type: 'failed', part: 'exact', operation: 'encode', error: reason })
      return undefined
    }
  }

  return {
    name: 'keep',
    wrap(next) {
      return async function askAndKeep(request, context) {
        const key = keyOf(kind, request, context.scope)
        // Another call may have stored the answer after this request had looked for it and before it got here.
        const entry = context.mode.noCache ? undefined : await entries.get(key)
        if (entry !== undefined && serves(entry, context.mode, now())) return answerFrom(entry, kind, now())
        if (context.mode.onlyIfCached) {
          throw new RepriseError(
            'only-if-cached',
            'the answer is not in the cache, and the request allows no other (Cache-Control: only-if-cached)'
          )
        }
        const answer = await next(request, context)
        const stored = await store(key, answer, request, context)
        return { value: answer.value, origin: { ...answer.origin, key, stored } }
      }
    }
  }
}
