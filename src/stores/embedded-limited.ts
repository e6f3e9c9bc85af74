import { randomBytes } from 'node:crypto'
import { checkStep, isBeyond, wholeTtl } from './check.ts'
import { kinds, maxTimeMs } from './embedded-layout.ts'
import type { WriteQueue } from './embedded-queue.ts'
import type { EmbeddedTree } from './embedded-tree.ts'
import type { Lease } from './store.ts'

/** The counters and leases of an embedded store. */
export class EmbeddedLimited {
  readonly #queue: WriteQueue
  readonly #tree: EmbeddedTree
  readonly #check: (key: string) => void

  /** `check` throws for a key that cannot be used, and when the store has been closed. */
  constructor(queue: WriteQueue, tree: EmbeddedTree, check: (key: string) => void) {
    this.#queue = queue
    this.#tree = tree
    this.#check = check
  }

  async increment(key: string, by: number, ttlMs: number, atMost: number | undefined): Promise<number | undefined> {
    this.#check(key)
    checkStep(by, atMost)
    const ttl = wholeTtl(ttlMs)
    const name = Buffer.from(key)
    return this.#queue.write(() => {
      const nowMs = Date.now()
      const counter = this.#tree.limited(kinds.counter, name, nowMs)
      const before = counter?.value.readDoubleBE(0) ?? 0
      if (isBeyond(before, by, atMost)) return undefined
      const count = before + by
      const value = Buffer.allocUnsafe(8)
      value.writeDoubleBE(count)
      this.#tree.putLimited(kinds.counter, name, value, counter?.expiresAtMs ?? Math.min(nowMs + ttl, maxTimeMs))
      return count
    })
  }

  async lease(key: string, ttlMs: number): Promise<Lease | undefined> {
    this.#check(key)
    const ttl = wholeTtl(ttlMs)
    const name = Buffer.from(key)
    const token = randomBytes(16)

    /** Puts the lease down for as long, if `mayHold` agrees to who holds it now. */
    const hold = (forMs: number, mayHold: (holder: Buffer | undefined) => boolean): Promise<boolean> =>
      this.#queue.write(() => {
        const nowMs = Date.now()
        if (!mayHold(this.#tree.limited(kinds.lease, name, nowMs)?.value)) return false
        this.#tree.putLimited(kinds.lease, name, token, Math.min(nowMs + forMs, maxTimeMs))
        return true
      })
    const isMine = (holder: Buffer | undefined): boolean => holder?.equals(token) === true

    if (!(await hold(ttl, (holder) => holder === undefined))) return undefined
    return {
      renew: async (againMs) => {
        this.#check(key)
        return hold(wholeTtl(againMs), isMine)
      },
      release: async () => {
        this.#check(key)
        // Held for no time at all is held no more; the sweep takes it away.
        await hold(0, isMine)
      }
    }
  }
}
