import { setTimeout as delay } from 'node:timers/promises'

/** A clock that hurries through a while that is over when it shows the present. */
export interface FastClock {
  /** Milliseconds since 1970. */
  now(): number
  /** Waits until it shows that, or until the signal is aborted. */
  until(ms: number, signal: AbortSignal): Promise<void>
  /** What it shows when it begins. */
  readonly beginsAtMs: number
  /** When it shows the present; from then on it goes as all clocks do. */
  readonly endsAtMs: number
}

export interface FastClockOptions {
  /** How many times as fast as time it goes. */
  readonly times: number
  /** How long ago it begins. */
  readonly spanMs: number
  /** How long before its end it begins to slow down: what takes its time shall not come in a heap when it ends. */
  readonly slowingMs: number
}

/** Begins in the past, hurries, slows down, and is right at its end. It never goes ahead of time. */
export function fastClock({ times, spanMs, slowingMs }: FastClockOptions): FastClock {
  // Its speed falls from `times` to 1 as times * e^(-decay * t).
  const decay = Math.log(times) / slowingMs
  const slowSpanMs = (times - 1) / decay
  const slowsAtRealMs = Date.now() + (spanMs - slowSpanMs) / times
  const endsAtMs = slowsAtRealMs + slowingMs
  const slowsAtMs = endsAtMs - slowSpanMs

  function shown(realMs: number): number {
    const sinceMs = realMs - slowsAtRealMs
    if (sinceMs < 0) return slowsAtMs + sinceMs * times
    return sinceMs < slowingMs ? slowsAtMs + ((1 - Math.exp(-decay * sinceMs)) * times) / decay : realMs
  }

  function realOf(shownMs: number): number {
    const sinceMs = shownMs - slowsAtMs
    if (sinceMs < 0) return slowsAtRealMs + sinceMs / times
    return sinceMs < slowSpanMs ? slowsAtRealMs - Math.log(1 - (sinceMs * decay) / times) / decay : shownMs
  }

  return {
    now: () => shown(Date.now()),
    async until(ms, signal) {
      const waitMs = realOf(ms) - Date.now()
      if (waitMs > 0) await delay(waitMs, undefined, { signal }).catch(() => {})
    },
    beginsAtMs: endsAtMs - spanMs,
    endsAtMs
  }
}
