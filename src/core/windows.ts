import type { Bounds, Freshness } from './freshness.ts'

/** Until when an entry may be used, and for what, in milliseconds since 1970: what `Entry` says of itself. */
export interface Windows {
  readonly freshUntilMs: number
  readonly eagerFromMs?: number
  readonly revalidateUntilMs?: number
  readonly graceUntilMs?: number
  readonly expiresAtMs: number
}

/** When an answer's windows end that is stored now. `random` gives a number from 0 on and below 1. */
export function windowsFrom(storedAtMs: number, freshness: Freshness, random: () => number = Math.random): Windows {
  const { staleWhileRevalidateMs, graceMs, eagerRefresh, jitter, adaptive } = freshness
  const ttlMs = jitter === 0 ? freshness.ttlMs : Math.max(1, Math.round(freshness.ttlMs * (1 - jitter * random())))
  const freshUntilMs = storedAtMs + ttlMs
  const graceUntilMs = freshUntilMs + graceMs
  const revalidateUntilMs = freshUntilMs + staleWhileRevalidateMs
  const lastUseMs = Math.max(graceUntilMs, revalidateUntilMs)
  // When it is asked anew after its last use it must still be there to be compared with.
  const expiresAtMs = adaptive === undefined ? lastUseMs : lastUseMs + ttlMs
  return {
    freshUntilMs,
    ...(eagerRefresh < 1 ? { eagerFromMs: storedAtMs + Math.round(ttlMs * eagerRefresh) } : {}),
    ...(staleWhileRevalidateMs > 0 ? { revalidateUntilMs } : {}),
    ...(graceUntilMs === expiresAtMs ? {} : { graceUntilMs }),
    expiresAtMs
  }
}

/** What the answer before this one has shown: how long it was to live, and whether this one says the same. */
export interface Lesson {
  readonly ttlMs: number
  readonly isSame: boolean
}

/**
 * The time to live of an answer in milliseconds, as those before it have taught: twice that of the one before it
 * when it says the same, half of it when it does not, and as configured when there is none; within the bounds in any case.
 */
export function adaptedTtlMs(configuredMs: number, { minMs, maxMs }: Bounds, lesson?: Lesson): number {
  const learntMs = lesson === undefined ? configuredMs : lesson.isSame ? lesson.ttlMs * 2 : lesson.ttlMs / 2
  return Math.max(minMs, Math.min(maxMs, Math.round(learntMs)))
}
