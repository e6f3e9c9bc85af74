import { createHash } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import type { Entries } from '../src/stores/entries.ts'

export interface Lookups {
  readonly count: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly maxMs: number
}

export function keyOf(index: number): string {
  return `llm:gpt-4o-mini:${createHash('sha256').update(String(index)).digest('hex')}`
}

/** How often somebody looks something up. */
const everyMs = 1

/**
 * Looks entries up at random, about a thousand a second, until told to stop. What is late counts from when it was due: so
 * long a request would be held up. A timer alone is up to a millisecond late.
 */
export async function lookups(entries: Entries, entryCount: number, signal: AbortSignal): Promise<Lookups> {
  const times: number[] = []
  do {
    const dueMs = performance.now() + everyMs
    await delay(everyMs)
    await entries.get(keyOf(Math.floor(Math.random() * entryCount)))
    times.push(performance.now() - dueMs)
  } while (!signal.aborted)
  times.sort((one, other) => one - other)
  const at = (share: number): number =>
    times[Math.min(times.length - 1, Math.floor(times.length * share))] ?? Number.NaN
  return { count: times.length, p50Ms: at(0.5), p99Ms: at(0.99), maxMs: times.at(-1) ?? Number.NaN }
}
