import { createHash } from 'node:crypto'
import { setImmediate as nextTurn } from 'node:timers/promises'
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

/** Looks entries up at random, one after the other with a turn of the event loop between, until told to stop. */
export async function lookups(entries: Entries, entryCount: number, signal: AbortSignal): Promise<Lookups> {
  const times: number[] = []
  do {
    const key = keyOf(Math.floor(Math.random() * entryCount))
    // What waits for its turn counts: so long a request would be held up.
    const startedMs = performance.now()
    await nextTurn()
    await entries.get(key)
    times.push(performance.now() - startedMs)
  } while (!signal.aborted)
  times.sort((one, other) => one - other)
  const at = (share: number): number =>
    times[Math.min(times.length - 1, Math.floor(times.length * share))] ?? Number.NaN
  return { count: times.length, p50Ms: at(0.5), p99Ms: at(0.99), maxMs: times.at(-1) ?? Number.NaN }
}
