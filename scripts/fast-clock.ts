import { setTimeout as delay } from 'node:timers/promises'

/** A clock that hurries through a while that is over when it shows the present. */
export interface FastClock {
  /** Milliseconds since 1970. */
  now(): number
  /** Waits until it shows that, or until the signal is aborted. */
  until(ms: number, signal: AbortSignal): Promise<void>
  /** What it shows when it began. */
  readonly beginsAtMs: number
  /** When it shows the present; from then on it goes as all clocks do. */
  readonly endsAtMs: number
}

/**
 * Begins in the past, goes `times` as fast as time, and shows the present after `forMs`: with 30 and two minutes it
 * begins an hour ago. It never goes ahead of time.
 */
export function fastClock({ times, forMs }: { readonly times: number; readonly forMs: number }): FastClock {
  const endsAtMs = Date.now() + forMs
  const shown = (realMs: number): number => (realMs < endsAtMs ? endsAtMs - (endsAtMs - realMs) * times : realMs)
  const realOf = (shownMs: number): number => (shownMs < endsAtMs ? endsAtMs - (endsAtMs - shownMs) / times : shownMs)
  return {
    now: () => shown(Date.now()),
    async until(ms, signal) {
      const waitMs = realOf(ms) - Date.now()
      if (waitMs > 0) await delay(waitMs, undefined, { signal }).catch(() => {})
    },
    beginsAtMs: endsAtMs - forMs * times,
    endsAtMs
  }
}
