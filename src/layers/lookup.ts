import type { Answer } from '../core/answer.ts'
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
  const { key, storedAtMs, freshUntilMs, provider, model, usage, costUsd, tookMs } = entry
  return {
    value: kind.decode(entry.body),
    origin: {
      layer: 'exact',
      key,
      storedAtMs,
      ageMs: Math.max(0, now - storedAtMs),
      freshForMs: freshUntilMs - now,
      ...(now >= freshUntilMs ? { stale: true } : {}),
      ...(provider === undefined ? {} : { provider }),
      ...(model === undefined ? {} : { model }),
      ...(usage === undefined ? {} : { usage }),
      ...(costUsd === undefined ? {} : { savedUsd: costUsd }),
      ...(tookMs === undefined ? {} : { tookMs })
    }
  }
}
