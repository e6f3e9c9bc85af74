import { setMaxListeners } from 'node:events'
import { LRUCache } from 'lru-cache'
import type { Answer } from '../core/answer.ts'
import { RepriseError } from '../core/errors.ts'
import { ignore, type Observe } from '../core/events.ts'
import type { Caller } from '../core/handler.ts'
import type { Entries } from '../stores/entries.ts'
import type { Entry } from '../stores/entry.ts'
import type { Lease } from '../stores/store.ts'

export interface RefresherOptions {
  readonly observe?: Observe
  /** How long closing waits for who does not hear that nobody waits any more, in milliseconds. Default: 1,000. */
  readonly closeWithinMs?: number
  readonly now?: () => number
}

/** Who asks when nobody waits: gone when the cache is closed, and listened to like any caller. */
export interface BackgroundCaller {
  readonly caller: Caller
  readonly observe: Observe
}

/** How long a key is left alone after an attempt that has brought nothing. */
const pauseAfterFailureMs = 30_000

/** How long before the store is asked again whether another process still sees to a key. */
const pauseWhileTakenMs = 1000

/** Long enough for a process that is busy to renew it, short enough for one that has died to be missed soon. */
const leaseMs = 30_000

/** More at the same time would be a burst that no caller has asked for; the next hit on an entry left out tries again. */
const mostUnderWay = 256

/** Of how many keys it is remembered that they are to be left alone. */
const mostPaused = 10_000

/**
 * Asks anew for entries behind the back of those they serve: one call a key among all processes that share the store.
 * Nothing of it ever reaches a caller; what comes of it is told as `refreshed`.
 */
export class Refresher {
  readonly #entries: Entries
  readonly #observe: Observe
  readonly #now: () => number
  readonly #closeWithinMs: number
  readonly #underWay = new Map<string, Promise<void>>()
  readonly #pausedUntilMs = new LRUCache<string, number>({ max: mostPaused })
  readonly #caller = new AbortController()

  constructor(entries: Entries, { observe = ignore, closeWithinMs = 1000, now = Date.now }: RefresherOptions = {}) {
    this.#entries = entries
    this.#observe = observe
    this.#now = now
    this.#closeWithinMs = closeWithinMs
    // Each call that is under way listens to it.
    setMaxListeners(0, this.#caller.signal)
  }

  /** False while the key is being asked, has lately been asked in vain, or when too much is under way already. */
  mayRefresh(key: string): boolean {
    if (this.#underWay.has(key) || this.#underWay.size >= mostUnderWay || this.#caller.signal.aborted) return false
    const untilMs = this.#pausedUntilMs.get(key)
    return untilMs === undefined || this.#now() >= untilMs
  }

  /** Asks anew for an entry for which `mayRefresh` is true; `ask` has to store what it is told. */
  refresh(entry: Entry, ask: (background: BackgroundCaller) => Promise<Answer<unknown>>): void {
    const { key } = entry
    const refreshing = this.#refresh(entry, ask)
      // An observer that throws must not end the process.
      .catch(() => {})
      .finally(() => this.#underWay.delete(key))
    this.#underWay.set(key, refreshing)
  }

  /** Aborts what is under way, and waits until it has ended, if it does. */
  async close(): Promise<void> {
    this.#caller.abort(new RepriseError('aborted', 'the cache is being closed'))
    await Promise.all(this.#underWay.values())
  }

  async #refresh(entry: Entry, ask: (background: BackgroundCaller) => Promise<Answer<unknown>>): Promise<void> {
    const { key, kind } = entry
    const lease = await this.#entries.lease(`refresh:${key}`, leaseMs)
    // Without a store that takes a lease the answer could not be stored either, and all processes would ask for it.
    if (lease === undefined || lease === 'unknown') {
      this.#pause(key, pauseWhileTakenMs)
      return
    }
    // Another process may have been done with it just before, or the entry been invalidated.
    const latest = await this.#entries.find(key)
    if (latest === undefined || latest === 'unknown' || latest.storedAtMs !== entry.storedAtMs) {
      void letGo(lease)
      return
    }
    const ok = await this.#isStored(lease, ask)
    if (ok) {
      this.#pausedUntilMs.delete(key)
      void letGo(lease)
    } else if (this.#caller.signal.aborted) {
      void letGo(lease)
      return
    } else {
      this.#pause(key, pauseAfterFailureMs)
      // Held on to, so that the others leave it alone too.
      void renew(lease, pauseAfterFailureMs)
    }
    this.#observe({ type: 'refreshed', kind, key, ok })
  }

  async #isStored(lease: Lease, ask: (background: BackgroundCaller) => Promise<Answer<unknown>>): Promise<boolean> {
    const renewing = setInterval(() => void renew(lease, leaseMs), leaseMs / 3).unref()
    const { signal } = this.#caller
    let patience: NodeJS.Timeout | undefined
    let leave = (): void => {}
    const given = new Promise<false>((resolve) => {
      leave = () => {
        patience = setTimeout(() => resolve(false), this.#closeWithinMs)
      }
      if (signal.aborted) leave()
      else signal.addEventListener('abort', leave, { once: true })
    })
    try {
      const stored = ask({ caller: this.#caller, observe: this.#observe }).then(({ origin }) => origin.stored === true)
      return await Promise.race([stored, given])
    } catch {
      return false
    } finally {
      clearInterval(renewing)
      clearTimeout(patience)
      signal.removeEventListener('abort', leave)
    }
  }

  #pause(key: string, forMs: number): void {
    this.#pausedUntilMs.set(key, this.#now() + forMs)
  }
}

/** Whether it was lost meanwhile does not matter: at worst two processes ask. */
async function renew(lease: Lease, ttlMs: number): Promise<void> {
  try {
    await lease.renew(ttlMs)
  } catch {
    // It runs out.
  }
}

async function letGo(lease: Lease): Promise<void> {
  try {
    await lease.release()
  } catch {
    // It runs out.
  }
}
