import type { Tally } from '../core/tally.ts'

const maxCounts = 100_000

/** Counts in this process, until it ends. Past 100,000 counts, the one used least recently starts anew. */
export function processTally(now: () => number): Tally {
  /** In the order of their last use. */
  const counts = new Map<string, { readonly count: number; readonly expiresAtMs: number }>()
  return {
    async add(key, by, { ttlMs, atMost }) {
      const nowMs = now()
      const found = counts.get(key)
      const { count, expiresAtMs } =
        found !== undefined && found.expiresAtMs > nowMs ? found : { count: 0, expiresAtMs: nowMs + ttlMs }
      const isOver = atMost !== undefined && by > 0 && count + by > atMost
      const after = isOver ? count : count + by
      counts.delete(key)
      counts.set(key, { count: after, expiresAtMs })
      if (counts.size > maxCounts) counts.delete(counts.keys().next().value ?? key)
      return isOver ? 'over' : after
    }
  }
}
