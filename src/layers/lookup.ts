import type { Answer, Origin } from '../core/answer.ts'
import type { Observe } from '../core/events.ts'
import type { Context } from '../core/handler.ts'
import type { Kind } from '../core/kind.ts'
import type { Mode } from '../core/mode.ts'
import type { Entry } from '../stores/entry.ts'

/**
 * Whether the mode allows to answer with the entry (RFC 9111, 4.2 and 5.2.1). A caller who accepts what is stale
 * (`max-stale`) gets it as long as it may be served at all: not when it has outlived grace and revalidation.
 */
export function serves(entry: Entry, mode: Mode, now: number): boolean {
  if (isTooOld(entry, mode, now)) return false
  const staleForMs = now - entry.freshUntilMs
  return (
    staleForMs < 0 || (mode.maxStaleMs !== undefined && staleForMs <= mode.maxStaleMs && now < usableUntilMs(entry))
  )
}

/** How a request limits what it is served. */
type Limits = Pick<Context, 'mode' | 'staleWhileRevalidateMs' | 'graceMs' | 'eagerRefresh'>

/**
 * Whether a stale entry may answer at once while it is asked anew (RFC 5861, stale-while-revalidate). What the request
 * says of it itself makes the window shorter, never longer than the entry was stored for.
 */
export function servesMeanwhile(entry: Entry, { mode, staleWhileRevalidateMs }: Limits, now: number): boolean {
  const { revalidateUntilMs } = entry
  if (revalidateUntilMs === undefined || now >= revalidateUntilMs || isTooOld(entry, mode, now)) return false
  return staleWhileRevalidateMs === undefined || now < entry.freshUntilMs + staleWhileRevalidateMs
}

/**
 * Whether the entry may answer when nobody else can (RFC 5861, stale-if-error). Here too the request's own grace only
 * makes it shorter. Its `max-age` does not count any more: an old answer beats none, and says how old it is.
 */
export function servesInNeed(entry: Entry, { graceMs }: Pick<Limits, 'graceMs'>, now: number): boolean {
  if (now < entry.freshUntilMs) return true
  return (
    now < (entry.graceUntilMs ?? entry.expiresAtMs) && (graceMs === undefined || now < entry.freshUntilMs + graceMs)
  )
}

/** Whether the entry is better than nothing to one who has asked for something similar; its `max-age` does count then. */
export function rescues(entry: Entry, limits: Pick<Limits, 'mode' | 'graceMs'>, now: number): boolean {
  return !isTooOld(entry, limits.mode, now) && servesInNeed(entry, limits, now)
}

/** Whether a hit on the entry is to ask for it anew: it is stale, or in the last part of its freshness. */
export function isDue(entry: Entry, limits: Limits, now: number): boolean {
  const { storedAtMs, freshUntilMs, eagerFromMs, revalidateUntilMs } = entry
  if (limits.mode.onlyIfCached) return false
  if (now >= freshUntilMs) return revalidateUntilMs !== undefined && now < revalidateUntilMs
  const { eagerRefresh } = limits
  if (eagerRefresh === undefined) return eagerFromMs !== undefined && now >= eagerFromMs
  return eagerRefresh < 1 && now - storedAtMs >= (freshUntilMs - storedAtMs) * eagerRefresh
}

/** The end of the entry's last window. */
export function usableUntilMs({ freshUntilMs, revalidateUntilMs = 0, graceUntilMs, expiresAtMs }: Entry): number {
  return Math.max(freshUntilMs, revalidateUntilMs, graceUntilMs ?? expiresAtMs)
}

function isTooOld(entry: Entry, mode: Mode, now: number): boolean {
  return mode.noCache === true || (mode.maxAgeMs !== undefined && now - entry.storedAtMs > mode.maxAgeMs)
}

/** The answer that an entry holds. @throws what its kind cannot read it with */
function answerFrom<Result>(entry: Entry, kind: Kind<never, Result>, now: number): Answer<Result> {
  const known = (entry as Remembering)[lasting] ?? rememberOrigin(entry)
  // Fields that are there already: one that is new to what is spread costs V8 a hidden class of its own, each time.
  const freshForMs = entry.freshUntilMs - now
  const origin: Origin = { ...known, ageMs: Math.max(0, now - entry.storedAtMs), freshForMs }
  return { value: kind.decode(entry.body), origin: freshForMs > 0 ? origin : { ...origin, stale: true } }
}

/**
 * The answer that an entry holds; undefined when its kind cannot read it, as where a new version expects more of an
 * answer than an old one has stored. That must not fail the request: it is told, and asked anew.
 */
export function readAnswer<Result>(
  entry: Entry,
  kind: Kind<never, Result>,
  now: number,
  observe: Observe
): Answer<Result> | undefined {
  try {
    return answerFrom(entry, kind, now)
  } catch (error) {
    const reason = error instanceof Error ? error : new Error(String(error))
    observe({ type: 'failed', part: 'exact', operation: 'decode', error: reason, kind: kind.name })
    return undefined
  }
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

function lastingOrigin({ key, storedAtMs, provider, model, fallback, usage, costUsd, tookMs }: Entry): Origin {
  return {
    layer: 'exact',
    key,
    storedAtMs,
    ageMs: 0,
    freshForMs: 0,
    ...(provider === undefined ? {} : { provider }),
    ...(model === undefined ? {} : { model }),
    ...(fallback === undefined ? {} : { fallback }),
    ...(usage === undefined ? {} : { usage }),
    ...(costUsd === undefined ? {} : { savedUsd: costUsd }),
    ...(tookMs === undefined ? {} : { tookMs })
  }
}
