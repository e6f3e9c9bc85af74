import { beginsWith } from '../../src/stores/begins-with.ts'
import { DeletionLog, nextMark } from '../../src/stores/deletion-log.ts'
import { selects } from '../../src/stores/selects.ts'
import type { Deletions, Lease, Selector, SetOptions, Store, StoreSize } from '../../src/stores/store.ts'

/** Lets the next step of something happen when its turn has come. May throw: then the step, or its answer, is lost. */
export type Turn = (step: string) => Promise<void>

interface Held {
  readonly value: Uint8Array
  readonly tags: readonly string[]
  readonly expiresAtMs: number
}

/**
 * A store that others share, far away: each call has a way there and a way back, on which anything can happen meanwhile,
 * and a deletion goes from entry to entry in steps of its own.
 */
export class StepwiseStore implements Store {
  readonly name = 'stepwise'
  /** Nobody need look for switches. */
  readonly ownProcessOnly = true
  readonly values = new Map<string, Held>()
  turn: Turn = async () => {}
  readonly #leases = new Map<string, object>()
  readonly #deletions = new DeletionLog(nextMark(0))

  get(key: string): Promise<Uint8Array | undefined> {
    return this.#there('get', () => this.#live(key)?.value)
  }

  set(key: string, value: Uint8Array, { ttlMs, tags, since }: SetOptions): Promise<Deletions | undefined> {
    return this.#there('set', () => {
      if (since !== undefined && since !== this.#deletions.mark) return this.#deletions.since(since)
      this.values.set(key, { value: Uint8Array.from(value), tags, expiresAtMs: Date.now() + ttlMs })
      return undefined
    })
  }

  replace(
    key: string,
    value: Uint8Array,
    tags: readonly string[],
    beginning: Uint8Array,
    since: number
  ): Promise<boolean> {
    return this.#there('replace', () => {
      const held = this.#live(key)
      if (held === undefined || since !== this.#deletions.mark || !beginsWith(held.value, beginning)) return false
      this.values.set(key, { ...held, value: Uint8Array.from(value), tags })
      return true
    })
  }

  async delete(selector: Selector, deleted: (key: string) => void = () => {}): Promise<number> {
    const going = await this.#there('announce', () => {
      this.#deletions.add(nextMark(this.#deletions.mark), selector)
      return this.#selected(selector)
    })
    let count = 0
    for (const key of going) {
      await this.#there('delete', () => {
        // What has taken its place need not be selected any more.
        if (!this.#selected(selector).includes(key)) return
        this.values.delete(key)
        deleted(key)
        count += 1
      })
    }
    return count
  }

  mark(): Promise<number> {
    return this.#there('mark', () => this.#deletions.mark)
  }

  deletedSince(mark: number): Promise<Deletions> {
    return this.#there('deleted since', () => this.#deletions.since(mark))
  }

  async *keys(selector: Selector): AsyncGenerator<readonly string[]> {
    yield await this.#there('keys', () => this.#selected(selector))
  }

  async size(): Promise<StoreSize> {
    return { entries: this.values.size }
  }

  async increment(): Promise<number | undefined> {
    throw new Error('not in these tests')
  }

  lease(key: string): Promise<Lease | undefined> {
    return this.#there('lease', () => {
      if (this.#leases.has(key)) return undefined
      const lease = {}
      this.#leases.set(key, lease)
      return {
        renew: async () => this.#leases.get(key) === lease,
        release: async () => {
          if (this.#leases.get(key) === lease) this.#leases.delete(key)
        }
      }
    })
  }

  async close(): Promise<void> {}

  async #there<Result>(step: string, work: () => Result): Promise<Result> {
    await this.turn(step)
    const result = work()
    await this.turn(`${step}, back`)
    return result
  }

  #live(key: string): Held | undefined {
    const held = this.values.get(key)
    return held === undefined || held.expiresAtMs <= Date.now() ? undefined : held
  }

  #selected(selector: Selector): readonly string[] {
    return [...this.values]
      .filter(([key, { tags }]) => this.#live(key) && selects(selector, key, tags))
      .map(([key]) => key)
  }
}
