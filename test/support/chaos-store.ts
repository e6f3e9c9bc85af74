import { selects } from '../../src/stores/selects.ts'
import type { Deletions, Lease, Selector, SetOptions, Store, StoreSize } from '../../src/stores/store.ts'

/** What may be done to a store's call before it happens. */
export type Chaos = (operation: ChaosOperation) => Promise<void> | void

type ChaosOperation = 'get' | 'set' | 'replace' | 'delete' | 'mark' | 'deleted-since' | 'keys' | 'lease'

/** A store that can be made to fail, hang or lie. Keeps time by `now`, so that tests need not wait. */
export class ChaosStore implements Store {
  readonly name = 'chaos'
  readonly values = new Map<string, { value: Uint8Array; expiresAtMs: number; tags: readonly string[] }>()
  readonly leases = new Map<string, { expiresAtMs: number }>()
  /** All but those of `mark`, which goes before most of the others. */
  readonly calls: string[] = []
  /** In the order of their marks. */
  readonly deletions: { readonly mark: number; readonly selector: Selector }[] = []
  chaos: Chaos = () => {}
  now: () => number = Date.now
  readonly #firstMark = Date.now() * 1000

  async get(key: string): Promise<Uint8Array | undefined> {
    this.calls.push(`get ${key}`)
    await this.chaos('get')
    return this.#live(key)?.value
  }

  async set(key: string, value: Uint8Array, { ttlMs, tags, since }: SetOptions): Promise<Deletions | undefined> {
    this.calls.push(`set ${key}`)
    await this.chaos('set')
    if (since !== undefined && since !== this.#mark()) return this.#since(since)
    this.values.set(key, { value: Uint8Array.from(value), expiresAtMs: this.now() + ttlMs, tags })
    return undefined
  }

  async replace(
    key: string,
    value: Uint8Array,
    tags: readonly string[],
    beginning: Uint8Array,
    since: number
  ): Promise<boolean> {
    this.calls.push(`replace ${key}`)
    await this.chaos('replace')
    const found = this.#live(key)
    if (found === undefined || since !== this.#mark()) return false
    if (!Buffer.from(found.value).subarray(0, beginning.length).equals(beginning)) return false
    this.values.set(key, { value: Uint8Array.from(value), expiresAtMs: found.expiresAtMs, tags })
    return true
  }

  async delete(selector: Selector, deleted: (key: string) => void = () => {}): Promise<number> {
    this.calls.push(`delete ${JSON.stringify(selector)}`)
    await this.chaos('delete')
    this.deletions.push({ mark: this.#mark() + 1, selector })
    const going = this.#selected(selector)
    for (const key of going) {
      this.values.delete(key)
      deleted(key)
    }
    return going.length
  }

  async mark(): Promise<number> {
    await this.chaos('mark')
    return this.#mark()
  }

  async deletedSince(mark: number): Promise<Deletions> {
    this.calls.push(`deleted since ${mark - this.#firstMark}`)
    await this.chaos('deleted-since')
    return this.#since(mark)
  }

  async *keys(selector: Selector): AsyncGenerator<readonly string[]> {
    this.calls.push(`keys ${JSON.stringify(selector)}`)
    await this.chaos('keys')
    const keys = this.#selected(selector)
    if (keys.length > 0) yield keys
  }

  async size(): Promise<StoreSize> {
    return { entries: this.values.size }
  }

  async increment(): Promise<number | undefined> {
    throw new Error('not in these tests')
  }

  async lease(key: string, ttlMs: number): Promise<Lease | undefined> {
    this.calls.push(`lease ${key}`)
    await this.chaos('lease')
    const isHeld = (): boolean => (this.leases.get(key)?.expiresAtMs ?? 0) > this.now()
    if (isHeld()) return undefined
    const lease = { expiresAtMs: this.now() + ttlMs }
    this.leases.set(key, lease)
    return {
      renew: async (againMs) => {
        if (this.leases.get(key) !== lease || !isHeld()) return false
        lease.expiresAtMs = this.now() + againMs
        return true
      },
      release: async () => {
        if (this.leases.get(key) === lease) this.leases.delete(key)
      }
    }
  }

  async close(): Promise<void> {
    this.calls.push('close')
  }

  #live(key: string) {
    const found = this.values.get(key)
    return found === undefined || found.expiresAtMs <= this.now() ? undefined : found
  }

  #selected(selector: Selector): string[] {
    return [...this.values]
      .filter(([key, { tags }]) => this.#live(key) !== undefined && selects(selector, key, tags))
      .map(([key]) => key)
  }

  #mark(): number {
    return this.deletions.at(-1)?.mark ?? this.#firstMark
  }

  #since(mark: number): Deletions {
    const known = mark === this.#firstMark || this.deletions.some((deletion) => deletion.mark === mark)
    const later = this.deletions.filter((deletion) => deletion.mark > mark)
    return { mark: this.#mark(), selectors: known ? later.map(({ selector }) => selector) : undefined }
  }
}
