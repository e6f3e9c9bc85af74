import { RepriseError } from '../core/errors.ts'
import { checkStep, isBeyond, wholeTtl } from './check.ts'
import type { Lease } from './store.ts'

const maxCounters = 100_000
const maxLeases = 100_000

/** The counters and leases of a memory store, bounded by number. */
export class MemoryLimited {
  /** In the order of their last use. */
  readonly #counters = new Map<string, { count: number; readonly expiresAtMs: number }>()
  readonly #leases = new Map<string, { token: symbol; expiresAtMs: number }>()
  readonly #check: (key: string) => void

  /** `check` throws for a key that cannot be used, and when the store has been closed. */
  constructor(check: (key: string) => void) {
    this.#check = check
  }

  increment(key: string, by: number, ttlMs: number, atMost: number | undefined): number | undefined {
    this.#check(key)
    checkStep(by, atMost)
    const ttl = wholeTtl(ttlMs)
    const nowMs = performance.now()
    const found = this.#counters.get(key)
    const counter = found !== undefined && found.expiresAtMs > nowMs ? found : { count: 0, expiresAtMs: nowMs + ttl }
    const isRefused = isBeyond(counter.count, by, atMost)
    if (isRefused && counter !== found) return undefined
    if (!isRefused) counter.count += by
    this.#counters.delete(key)
    this.#counters.set(key, counter)
    if (this.#counters.size > maxCounters) this.#counters.delete(this.#counters.keys().next().value ?? key)
    return isRefused ? undefined : counter.count
  }

  lease(key: string, ttlMs: number): Lease | undefined {
    this.#check(key)
    const token = Symbol(key)
    const ttl = wholeTtl(ttlMs)
    if (this.#isLeased(key)) return undefined
    if (this.#leases.size >= maxLeases) {
      this.purge()
      // Not the oldest makes room: two would hold the same lease.
      if (this.#leases.size >= maxLeases)
        throw new RepriseError('store-unavailable', `more than ${maxLeases} leases are held`)
    }
    this.#leases.set(key, { token, expiresAtMs: performance.now() + ttl })
    return {
      renew: async (againMs) => {
        this.#check(key)
        if (!this.#isLeased(key, token)) return false
        this.#leases.set(key, { token, expiresAtMs: performance.now() + wholeTtl(againMs) })
        return true
      },
      release: async () => {
        this.#check(key)
        if (this.#isLeased(key, token)) this.#leases.delete(key)
      }
    }
  }

  /** Lets go of what has expired. */
  purge(): void {
    const nowMs = performance.now()
    for (const [key, { expiresAtMs }] of this.#counters) if (expiresAtMs <= nowMs) this.#counters.delete(key)
    for (const key of this.#leases.keys()) if (!this.#isLeased(key)) this.#leases.delete(key)
  }

  clear(): void {
    this.#counters.clear()
    this.#leases.clear()
  }

  #isLeased(key: string, token?: symbol): boolean {
    const lease = this.#leases.get(key)
    return (
      lease !== undefined && lease.expiresAtMs > performance.now() && (token === undefined || lease.token === token)
    )
  }
}
