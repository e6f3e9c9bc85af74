import type { Answer, Origin } from '../core/answer.ts'
import type { Kind } from '../core/kind.ts'
import type { Mode } from '../core/mode.ts'
import type { Entry } from '../stores/entry.ts'

/** Whether the mode allows to answer with the entry (RFC 9111, 4.2 and 5.2.1). */
export function serves(entry: Entry, mode: Mode, now: number): boolean {
  if (mode.noCache || (mode.maxAgeMs !== undefined && now - entry.storedAtMs > mode.maxAgeMs)) return false
  const staleForMs = now - entry.freshUntilMs
  return staleForMs < 0 || (mode.maxStaleMs !== undefined && staleForMs <= mode.maxStaleMs)
}

/** The answer that an entry holds. */
export function answerFrom<Result>(entry: Entry, kind: Kind<never, Result>, now: number): Answer<Result> {
  const known = (entry as Remembering)[lasting] ?? rememberOrigin(entry)
  // Fields that are there already: one that is new to what is spread costs V8 a hidden class of its own, each time.
  const freshForMs = entry.freshUntilMs - now
  const origin: Origin = { ...known, ageMs: Math.max(0, now - entry.storedAtMs), freshForMs }
  return { value: kind.decode(entry.body), origin: freshForMs > 0 ? origin : { ...origin, stale: true } }
}

/** What is the same for each hit on an entry, kept with it: the same entry is found again and again. */
const lasting: unique symbol = Symbol('lasting origin')

interface Remembering extends Entry {
  [lasting]?: Origin
}

function rememberOrigin(entry: Remembering): Origin {
  const origin = lastingOrigin(entry)
  entry[lasting] = origin
  return origin
}

function lastingOrigin({ key, storedAtMs, provider, model, usage, costUsd, tookMs }: Entry): Origin {
  return {
    layer: 'exact',
    key,
    storedAtMs,
    ageMs: 0,
    freshForMs: 0,
    ...(provider === undefined ? {} : { provider }),
    ...(model === undefined ? {} : { model }),
    ...(usage === undefined ? {} : { usage }),
    ...(costUsd === undefined ? {} : { savedUsd: costUsd }),
    ...(tookMs === undefined ? {} : { tookMs })
  }
}
